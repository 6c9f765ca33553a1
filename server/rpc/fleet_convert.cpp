#include "rpc/fleet_convert.hpp"

#include "rpc/convert.hpp"

namespace vserd::rpc {

void to_proto(const roster::Port& port, v1::FleetPort& message) {
    message.set_name(port.name);
    message.set_bridge(port.bridge);
    message.set_address(port.address);
    message.set_tls(port.tls);
    message.set_description(port.description);
    message.set_state(port.online ? v1::STATE_ONLINE : v1::STATE_OFFLINE);
    message.set_log_id(port.log_id);
    for (const auto& [key, value] : port.labels) (*message.mutable_labels())[key] = value;
    message.set_claim(port.claim);
}

void to_proto(const roster::Bridge& bridge, std::size_t ports, v1::Bridge& message) {
    message.set_id(bridge.id);
    message.set_address(bridge.address);
    message.set_tls(bridge.tls);
    message.set_version(bridge.version);
    to_proto(bridge.started, *message.mutable_started());
    message.set_metrics_address(bridge.metrics_address);
    message.set_metrics_tls(bridge.metrics_tls);
    message.set_web(bridge.web);
    message.set_machine(bridge.machine);
    message.set_ports(static_cast<std::uint32_t>(ports));
}

void to_proto(const roster::Status& status, const hub::Session& session, v1::FleetStatus& message) {
    message.set_bridge(status.bridge);
    message.set_stale(status.stale);
    to_proto(status.since, *message.mutable_since());
    message.set_problem(status.problem);
    message.set_revision(status.revision);
    for (const roster::Conflict& conflict : status.conflicts) {
        if (!shows(session, conflict.port)) continue;
        v1::FleetConflict& added = *message.add_conflicts();
        added.set_port(conflict.port);
        added.set_owner(conflict.owner);
    }
}

bool shows(const hub::Session& session, std::string_view port) { return session.role(port) >= access::Role::list; }

Result<void> check_fleet(const hub::Session& session, const roster::Roster* roster) {
    if (const auto known = session.check_known(); !known) return known.error();
    if (roster != nullptr) return {};
    return Error{Failure::unsupported, 0, "fleet",
                 "this vserd is in no fleet; ask one that is, or configure [fleet] with the addresses of etcd"};
}

}  // namespace vserd::rpc
