#pragma once

#include <vector>

#include "vserctl/lease_race.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// The ports that `lease --labels` may take: those with the labels whose device is open, in random order, so that several
/// clients begin with different ones. At least one; the error names the labels that there are.
vser::client::Result<std::vector<LeaseCandidate>> lease_candidates(const vser::client::ConnectOptions& connect,
                                                                   const LeaseCommand& command, const Options& options);

}  // namespace vserctl
