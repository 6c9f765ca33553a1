#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vser_client/client.hpp"

namespace vserctl {

/// A port that would do, and the server that has it.
struct LeaseCandidate {
    vser::client::Client client;
    std::string port;
    std::string server;  ///< as VSERD_ADDRESS names it
};

struct HeldLease {
    LeaseCandidate at;
    vser::client::Lease lease;
};

/// Which ports would do now.
using LookForPorts = std::function<vser::client::Result<std::vector<LeaseCandidate>>()>;

/// Acquires one of the ports. Asks for free ones in the given order. If none is free, and options.wait says so, waits in the
/// queues of all of them at once (of the first 64), takes the first lease that is granted and leaves the other queues; a second
/// lease that was granted at the same moment is released at once. Meanwhile it looks
/// for more ports, and waits in their queues too. `options.client` gets a unique ending.
vser::client::Result<HeldLease> acquire_any(const std::vector<LeaseCandidate>& candidates,
                                            vser::client::AcquireOptions options, LookForPorts look);

}  // namespace vserctl
