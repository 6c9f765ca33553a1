#pragma once

#include <grpcpp/health_check_service_interface.h>

#include <set>
#include <string>

#include "hub/port_watcher.hpp"
#include "hub/session.hpp"

namespace vserd::rpc {

/// Updates grpc.health.v1: the server under the name "", and each port under its own name. A port is SERVING while its device
/// is open. Everybody may ask, so with [access] only the ports that everybody may list are reported. Io thread only.
class HealthReporter final : private hub::PortWatcher {
public:
    /// Both outlive this.
    HealthReporter(hub::Session& session, grpc::HealthCheckServiceInterface& health);
    ~HealthReporter();
    HealthReporter(const HealthReporter&) = delete;
    HealthReporter& operator=(const HealthReporter&) = delete;

    /// Reports everything as NOT_SERVING.
    void shut_down();

private:
    void on_port_added(const hub::Channel& channel) override { report(channel); }
    void on_port_event(const hub::Channel& channel, const log::EventItem& event) override;
    void on_port_removed(const hub::Channel& channel) override;
    void on_rights_changed() override;
    void report(const hub::Channel& channel);
    void report(const std::string& port, bool listed, bool serving);

    hub::Session& session_;
    grpc::HealthCheckServiceInterface& health_;
    std::set<std::string> reported_;  ///< gRPC cannot forget them
};

}  // namespace vserd::rpc
