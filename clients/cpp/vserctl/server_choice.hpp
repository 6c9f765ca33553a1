#pragma once

#include <string>

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// Completes the options that say which server to use and how: those of the command line come first, then the variables
/// VSERD_ADDRESS and VSERD_TOKEN, then vserctl's configuration. `server_given`: on the command line or in the environment.
/// Returns warnings, each a line.
vser::client::Result<std::string> choose_server(Options& options, bool server_given);

/// The options of the client library.
vser::client::ConnectOptions connect_options(const Options& options);

/// Prints the named servers, or one of them. Returns the exit code.
int run_config(const ConfigCommand& command, const Options& options);

}  // namespace vserctl
