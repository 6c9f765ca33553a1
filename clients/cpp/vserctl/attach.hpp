#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// The console: a raw terminal where stdin is one, a pipe otherwise. Returns the exit code; a signal that ends the
/// program is raised again once the terminal is as it was. Requires: block_attach_signals() before any other thread was
/// started.
int run_attach(const vser::client::Client& client, const AttachCommand& command, const Options& options);

/// Blocks the signals that run_attach takes from a descriptor; threads started afterwards inherit it.
void block_attach_signals();

}  // namespace vserctl
