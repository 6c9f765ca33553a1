#include "rpc/health.hpp"

#include "grpc/health/v1/health.pb.h"

namespace vserd::rpc {

HealthReporter::HealthReporter(hub::Hub& hub, grpc::HealthCheckServiceInterface& health) : hub_(hub), health_(health) {
    // Links the service's description into the program, where reflection finds it.
    static_cast<void>(grpc::health::v1::HealthCheckRequest::descriptor());
    hub_.add_watcher(*this);
    for (const auto& [name, channel] : hub_.channels()) report(*channel);
    health_.SetServingStatus(true);
}

HealthReporter::~HealthReporter() { hub_.remove_watcher(*this); }

void HealthReporter::shut_down() { health_.Shutdown(); }

void HealthReporter::on_port_event(hub::Channel& channel, const log::EventItem& event) {
    if (std::holds_alternative<port::CameOnline>(event.event) ||
        std::holds_alternative<port::WentOffline>(event.event)) {
        report(channel);
    }
}

void HealthReporter::on_port_removed(hub::Channel& channel) { health_.SetServingStatus(channel.name(), false); }

void HealthReporter::report(const hub::Channel& channel) {
    health_.SetServingStatus(channel.name(), channel.port().state() == port::PortState::online);
}

}  // namespace vserd::rpc
