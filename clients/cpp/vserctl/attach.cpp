#include "vserctl/attach.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "vserctl/attach_session.hpp"
#include "vserctl/attach_signals.hpp"
#include "vserctl/output.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

struct Connected {
    client::Client client;
    client::Console console;
};

client::Result<Connected> connect_and_open(const client::ConnectOptions& connect, const AttachCommand& command,
                                           const Options& options) {
    client::ConsoleOptions console_options;
    console_options.from = command.from;
    console_options.mode = command.read_only   ? client::Mode::read_only
                           : command.exclusive ? client::Mode::exclusive
                                               : client::Mode::read_write;
    std::array<char, 48> host{};
    ::gethostname(host.data(), host.size() - 1);
    console_options.client = command.client_name.empty() ? std::string("vserctl@") + host.data() : command.client_name;

    auto client = client::Client::connect(options.server, connect);
    if (!client) return std::move(client).error();
    auto console = client->attach(command.port, std::move(console_options));
    if (!console) return std::move(console).error();
    return Connected{*std::move(client), *std::move(console)};
}

/// Threads that are started meanwhile have the signals blocked. In this thread they still work as usual.
client::Result<Connected> connect_without_signals(const client::ConnectOptions& connect, const AttachCommand& command,
                                                  const Options& options) {
    std::optional<client::Result<Connected>> result;
    block_attach_signals();
    std::thread worker([&] { result = connect_and_open(connect, command, options); });
    unblock_attach_signals();
    worker.join();
    block_attach_signals();
    return *std::move(result);
}

}  // namespace

int run_attach(const client::ConnectOptions& connect, const AttachCommand& command, const Options& options) {
    auto connected = connect_without_signals(connect, command, options);
    if (!connected) return print_error(connected.error(), options.json);
    if (command.suggest_terminal && ::isatty(STDIN_FILENO) == 0)
        put_note("no terminal: input is sent line by line; use ssh -t for a console");
    return AttachSession(connected->client, std::move(connected->console), command, options).run();
}

}  // namespace vserctl
