#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// Prints the lines of several ports in the order of their receive times. Returns the exit code.
int run_log(const vser::client::Client& client, LogCommand command);

}  // namespace vserctl
