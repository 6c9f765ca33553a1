#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// Runs the command while vserd has given up the port's device, and returns the command's exit status: 127 if there is no such
/// command, 126 if it cannot be run, 128 + N if signal N ended it. If vserd does not give up the device, the command is not
/// run. Passes signals on to the command. It opens its own connection, because it must block signals before gRPC starts
/// threads, so nothing may use gRPC before it.
int run_yield(const vser::client::ConnectOptions& connect, const YieldCommand& command, const Options& options);

}  // namespace vserctl
