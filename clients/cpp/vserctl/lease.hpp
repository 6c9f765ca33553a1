#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// The exit status if the lease was lost while a command ran: that of a command ended by SIGTERM.
inline constexpr int exit_lease_lost = 143;

/// Acquires, renews, releases or lists leases. With a command: holds the lease while the command runs, and returns the command's
/// exit status. If the lease is lost meanwhile, ends the command with SIGTERM and returns exit_lease_lost. It opens its own
/// connection, as run_yield().
int run_lease(const vser::client::ConnectOptions& connect, const LeaseCommand& command, const Options& options);

}  // namespace vserctl
