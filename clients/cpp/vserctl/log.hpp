#pragma once

#include <vector>

#include "vser_client/client.hpp"
#include "vserctl/log_merge.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// Prints the lines of several ports in the order of their receive times. Returns the exit code.
int run_log(const vser::client::Client& client, LogCommand command);
/// The same for the ports that the command has chosen; `owners` and `find` as for LogMerge.
int run_log(std::vector<vser::client::Client> owners, LogMerge::FindOwner find, const LogCommand& command);

}  // namespace vserctl
