#pragma once

#include "vser_client/client.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// A remote port as a local pseudo terminal, until a signal ends it. As run_attach(), it opens its own connection. Returns the
/// exit code. After a signal, it removes the link and raises the signal again.
int run_tty(const vser::client::ConnectOptions& connect, const TtyCommand& command, const Options& options);

}  // namespace vserctl
