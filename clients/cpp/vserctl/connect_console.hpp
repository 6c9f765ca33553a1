#pragma once

#include <string>

#include "vser_client/client.hpp"
#include "vserctl/owner.hpp"

namespace vserctl {

struct ConnectedConsole {
    Owner owner;
    vser::client::Console console;
};

/// The name that other clients see: "vserctl@HOST".
std::string client_name();

/// Connects to `server` and opens a console. The owner follows the port to other servers as the console does. While this
/// waits, the signals of attach_signals.hpp have their usual effect; afterwards they are blocked, also in the threads of the library.
vser::client::Result<ConnectedConsole> connect_console(const std::string& server,
                                                       const vser::client::ConnectOptions& connect,
                                                       const std::string& port, vser::client::ConsoleOptions options);

}  // namespace vserctl
