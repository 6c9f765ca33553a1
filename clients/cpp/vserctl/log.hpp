#pragma once

#include <vector>

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// Prints the lines of several ports in the order of their receive times. Returns the exit code.
int run_log(const vser::client::Client& client, LogCommand command);
/// The same for the ports that the command has chosen; `owners`: for each of them, a client of its server.
int run_log(std::vector<vser::client::Client> owners, const LogCommand& command);

}  // namespace vserctl
