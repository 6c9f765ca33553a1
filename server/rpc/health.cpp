#include "rpc/health.hpp"

#include "grpc/health/v1/health.pb.h"

namespace vserd::rpc {

HealthReporter::HealthReporter(hub::Session& session, grpc::HealthCheckServiceInterface& health)
    : session_(session), health_(health) {
    // Links the description of the service into the program, so that reflection can serve it.
    static_cast<void>(grpc::health::v1::HealthCheckRequest::descriptor());
    session_.add_watcher(*this);
    on_rights_changed();
    health_.SetServingStatus(true);
}

HealthReporter::~HealthReporter() { session_.remove_watcher(*this); }

void HealthReporter::shut_down() { health_.Shutdown(); }

void HealthReporter::on_port_event(const hub::Channel& channel, const log::EventItem& event) {
    if (std::holds_alternative<port::CameOnline>(event.event) ||
        std::holds_alternative<port::WentOffline>(event.event)) {
        report(channel);
    }
}

void HealthReporter::on_port_removed(const hub::Channel& channel) { report(channel.name(), false, false); }

void HealthReporter::on_rights_changed() {
    session_.for_each_port([this](const hub::Channel& channel) { report(channel); });
}

void HealthReporter::report(const hub::Channel& channel) {
    const bool listed = session_.authority()->policy.role_of({}, channel.name()) >= access::Role::list;
    report(channel.name(), listed, listed && channel.port().state() == port::PortState::online);
}

void HealthReporter::report(const std::string& port, bool listed, bool serving) {
    if (listed) reported_.insert(port);
    if (reported_.contains(port)) health_.SetServingStatus(port, serving);
}

}  // namespace vserd::rpc
