#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// The console: a raw terminal where stdin is one, a pipe otherwise. Connects itself, because its signals must be set
/// up before gRPC starts its threads; so it comes first in a program. Returns the exit code; a signal that ends the
/// program is raised again once the terminal is as it was.
int run_attach(const vser::client::ConnectOptions& connect, const AttachCommand& command, const Options& options);

}  // namespace vserctl
