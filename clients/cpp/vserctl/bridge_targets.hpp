#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vser_client/fleet.hpp"

namespace vserctl {

/// A bridge, and the ports that a command is about there.
struct BridgeTarget {
    std::string bridge;  ///< its id
    std::string address;
    bool tls = false;
    std::vector<std::string> ports;  ///< empty: all

    bool operator==(const BridgeTarget&) const = default;
};

struct BridgeTargets {
    std::vector<BridgeTarget> list;
    std::optional<vser::client::Error> missing;  ///< a port that no bridge owns; the first one
};

/// The owners of the ports; without ports, all bridges.
vser::client::Result<BridgeTargets> bridge_targets(const vser::client::Fleet& fleet,
                                                   const std::vector<std::string>& ports);

}  // namespace vserctl
