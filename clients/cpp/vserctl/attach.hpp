#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// The console: in raw mode if stdin is a terminal, otherwise a pipe. It opens its own connection, because it must block
/// signals before gRPC starts threads, so nothing may use gRPC before it. Returns the exit code. After a signal that ends the
/// program, it restores the terminal and raises the signal again.
int run_attach(const vser::client::ConnectOptions& connect, const AttachCommand& command, const Options& options);

}  // namespace vserctl
