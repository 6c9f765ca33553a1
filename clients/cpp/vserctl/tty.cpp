#include "vserctl/tty.hpp"

#include <optional>
#include <string>
#include <utility>

#include "vserctl/attach_signals.hpp"
#include "vserctl/connect_console.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/pty_link.hpp"
#include "vserctl/tty_session.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

std::string announcement(const TtyCommand& command, const std::string& device, bool json) {
    const auto& path = command.link.empty() ? device : command.link;
    if (!json) return path + "\n";
    return JsonObject().field("port", command.port).field("path", path).field("device", device).text() + "\n";
}

/// Everything that must be gone when the signal is raised again.
TtySession::End serve(Owner owner, client::Console console, const TtyCommand& command, const Options& options) {
    TtySession session(std::move(owner), std::move(console), command, options);
    std::optional<PtyLink> link;
    if (!command.link.empty()) link.emplace(command.link, session.device());
    put(announcement(command, session.device(), options.json));
    return session.run();
}

}  // namespace

int run_tty(const client::ConnectOptions& connect, const TtyCommand& command, const Options& options) {
    auto console = TtySession::console_options(command, options);
    auto connected = connect_console(options.server, connect, command.port, std::move(console));
    if (!connected) return print_error(connected.error(), options.json);
    const auto end = serve(std::move(connected->owner), std::move(connected->console), command, options);
    if (end.signal) AttachSignals::die_of(*end.signal);
    return end.status;
}

}  // namespace vserctl
