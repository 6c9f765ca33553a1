#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// Sends or receives a file by lrzsz, with exclusive access to the port. As run_attach(), it opens its own connection. Returns
/// the exit code. After a signal, it cancels the transfer and raises the signal again.
int run_transfer(const vser::client::ConnectOptions& connect, const TransferCommand& command, const Options& options);

}  // namespace vserctl
