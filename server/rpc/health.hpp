#pragma once

#include <grpcpp/health_check_service_interface.h>

#include "hub/port_watcher.hpp"
#include "hub/session.hpp"

namespace vserd::rpc {

/// Keeps grpc.health.v1 up to date: the server as a whole under "", and each port under its name, serving while its device
/// is open. Io thread only.
class HealthReporter final : private hub::PortWatcher {
public:
    /// Both outlive this.
    HealthReporter(hub::Session& session, grpc::HealthCheckServiceInterface& health);
    ~HealthReporter();
    HealthReporter(const HealthReporter&) = delete;
    HealthReporter& operator=(const HealthReporter&) = delete;

    /// Nothing serves any more.
    void shut_down();

private:
    void on_port_added(const hub::Channel& channel) override { report(channel); }
    void on_port_event(const hub::Channel& channel, const log::EventItem& event) override;
    void on_port_removed(const hub::Channel& channel) override;
    void report(const hub::Channel& channel);

    hub::Session& session_;
    grpc::HealthCheckServiceInterface& health_;
};

}  // namespace vserd::rpc
