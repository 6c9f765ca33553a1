#include "vserctl/connect_console.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <thread>
#include <utility>

#include "vserctl/attach_signals.hpp"
#include "vserctl/lease_environment.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

client::Result<ConnectedConsole> connect_and_open(const std::string& server, const client::ConnectOptions& connect,
                                                  const std::string& port, client::ConsoleOptions options) {
    auto client = connect_client(server, connect);
    if (!client) return std::move(client).error();
    Owner owner(*client);
    options.find = owner.follow(std::move(options.find));
    auto console = client->attach(port, std::move(options));
    if (!console) return std::move(console).error();
    return ConnectedConsole{std::move(owner), *std::move(console)};
}

}  // namespace

std::string client_name() {
    std::array<char, 48> host{};
    ::gethostname(host.data(), host.size() - 1);
    return std::string("vserctl@") + host.data();
}

/// Threads that are started meanwhile have the signals blocked. In this thread they still work as usual.
client::Result<ConnectedConsole> connect_console(const std::string& server, const client::ConnectOptions& connect,
                                                 const std::string& port, client::ConsoleOptions options) {
    std::optional<client::Result<ConnectedConsole>> result;
    block_attach_signals();
    std::thread worker([&] { result = connect_and_open(server, connect, port, std::move(options)); });
    unblock_attach_signals();
    worker.join();
    block_attach_signals();
    return *std::move(result);
}

}  // namespace vserctl
