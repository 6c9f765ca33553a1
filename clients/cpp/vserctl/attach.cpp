#include "vserctl/attach.hpp"

#include <unistd.h>

#include <utility>

#include "vserctl/attach_session.hpp"
#include "vserctl/connect_console.hpp"
#include "vserctl/output.hpp"

namespace vserctl {
namespace client = vser::client;

int run_attach(const client::ConnectOptions& connect, const AttachCommand& command, const Options& options) {
    client::ConsoleOptions console;
    console.from = command.from;
    console.mode = command.read_only             ? client::Mode::read_only
                   : command.exclusive           ? client::Mode::exclusive
                   : ::isatty(STDIN_FILENO) != 0 ? client::Mode::by_role
                                                 : client::Mode::read_write;
    console.client = command.client_name.empty() ? client_name() : command.client_name;
    console.find = options.find_owner;
    auto connected = connect_console(options.server, connect, command.port, std::move(console));
    if (!connected) return print_error(connected.error(), options.json);
    if (command.suggest_terminal && ::isatty(STDIN_FILENO) == 0)
        put_note("no terminal: input is sent line by line; use ssh -t for a console");
    AttachCommand allowed = command;
    const auto role = connected->console.port().role;
    allowed.read_only = command.read_only || (role < client::Role::write && role != client::Role::unspecified);
    return AttachSession(connected->owner, std::move(connected->console), allowed, options).run();
}

}  // namespace vserctl
