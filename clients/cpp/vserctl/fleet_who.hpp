#pragma once

#include "vser_client/fleet.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// `who` of all bridges, or of the owners of the ports. Asks them at once. A bridge that does not answer is reported on stderr, and
/// the others are shown. Returns the exit code.
int run_fleet_who(const vser::client::Fleet& fleet, const WhoCommand& command, bool json);

}  // namespace vserctl
