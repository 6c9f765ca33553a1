#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vserctl/options.hpp"
#include "vserctl/parse.hpp"

/// `vserctl ssh`, which sshd runs as its ForceCommand: one session of an SSH client, and all that such a client can do.
namespace vserctl {

inline constexpr std::size_t ssh_command_bytes_max = 256;

/// Parses what the client asked for: "PORT", "PORT attach", "PORT read", or nothing to list the ports. PORT may be
/// "host:PREFIX-PORT", the alias in the client's own configuration (`RemoteCommand host:%n`). Rejects everything else. Nothing
/// is evaluated or passed on but a port's name, whose characters are those that a configuration allows. The result is a
/// PortsCommand, AttachCommand or ReadCommand.
Result<Command> parse_ssh_command(std::string_view text);

/// The name by which the server shows the session: "ssh@ADDRESS", from sshd's SSH_CONNECTION.
std::string ssh_client_name(std::string_view connection);

/// Parses SSH_ORIGINAL_COMMAND and removes all variables but TERM, so that none affects a library. Call it before threads start.
Result<Command> take_ssh_session_from_environment();

}  // namespace vserctl
