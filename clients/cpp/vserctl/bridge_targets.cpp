#include "vserctl/bridge_targets.hpp"

#include <algorithm>

namespace vserctl {
namespace client = vser::client;
namespace {

void add(BridgeTargets& targets, const client::FleetPort& port) {
    auto at = std::ranges::find(targets.list, port.address, &BridgeTarget::address);
    if (at == targets.list.end())
        at = targets.list.insert(at, {.bridge = port.bridge, .address = port.address, .tls = port.tls, .ports = {}});
    at->ports.push_back(port.name);
}

}  // namespace

client::Result<BridgeTargets> bridge_targets(const client::Fleet& fleet, const std::vector<std::string>& ports) {
    BridgeTargets targets;
    for (const auto& name : ports) {
        const auto found = fleet.resolve(name);
        if (found) {
            add(targets, found->port);
        } else if (found.error().code != client::Code::not_found) {
            return found.error();
        } else if (!targets.missing) {
            targets.missing = found.error();
        }
    }
    if (!ports.empty()) return targets;
    const auto bridges = fleet.bridges();
    if (!bridges) return bridges.error();
    for (const auto& bridge : bridges->bridges)
        targets.list.push_back({.bridge = bridge.id, .address = bridge.address, .tls = bridge.tls, .ports = {}});
    return targets;
}

}  // namespace vserctl
