#include "vserctl/yield.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vserctl/child_process.hpp"
#include "vserctl/connect_console.hpp"
#include "vserctl/lease_environment.hpp"
#include "vserctl/output.hpp"
#include "vserctl/yielded_device.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

/// The words with the path in place of "{device}".
std::vector<std::string> with_device(std::vector<std::string> words, const std::string& path) {
    static const std::string place = "{device}";
    for (std::string& word : words) {
        for (std::size_t at = word.find(place); at != std::string::npos; at = word.find(place, at + path.size())) {
            word.replace(at, place.size(), path);
        }
    }
    return words;
}

/// Every client sees it, and arguments can be secrets.
std::string reason_of(const YieldCommand& command) {
    if (!command.reason.empty()) return command.reason;
    const std::string& program = command.words.front();
    return program.substr(program.rfind('/') + 1);
}

struct Acquired {
    std::unique_ptr<YieldedDevice> device;
    std::string path;
};

client::Result<Acquired> acquire(const client::ConnectOptions& connect, const YieldCommand& command,
                                 const Options& options) {
    const auto client = connect_client(options.server, connect);
    if (!client) return client.error();
    auto device = std::make_unique<YieldedDevice>(
        *client, YieldedDevice::Request{command.port, reason_of(command), client_name()}, put_note);
    auto path = device->acquire();
    if (!path) return path.error();
    return Acquired{std::move(device), *std::move(path)};
}

}  // namespace

int run_yield(const client::ConnectOptions& connect, const YieldCommand& command, const Options& options) {
    sigset_t mask;
    auto acquired = run_without_signals([&] { return acquire(connect, command, options); }, mask);
    if (!acquired) return print_error(acquired.error(), options.json);
    const int status = run_command({.words = with_device(command.words, acquired->path)}, mask);
    acquired->device->release();
    return status;
}

}  // namespace vserctl
