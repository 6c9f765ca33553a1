#include "vserctl/lease_options.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "vserctl/parse.hpp"
#include "vserctl/port_choice.hpp"
#include "vserctl/usage.hpp"

namespace vserctl {
namespace {

// The server's limits.
constexpr std::chrono::milliseconds ttl_min = std::chrono::seconds(1);
constexpr std::chrono::milliseconds ttl_max = std::chrono::hours(24);

/// An option whose value is a duration.
CLI::Option* add_duration(CLI::App& app, const char* name, const char* help,
                          const std::function<void(std::chrono::milliseconds)>& take) {
    const auto parse = [name, take](const std::string& text) { take(checked(parse_duration(text), name)); };
    return app.add_option_function<std::string>(name, parse, help)->type_name("DURATION");
}

std::chrono::milliseconds checked_ttl(std::chrono::milliseconds ttl) {
    if (ttl < ttl_min || ttl > ttl_max) refuse("--ttl must be from 1s to 24h");
    return ttl;
}

/// CLI11 takes the first word of the command for PORT.
LeaseCommand without_port(LeaseCommand command, std::size_t after_dashes) {
    if (command.port.empty()) return command;
    command.words.insert(command.words.begin(), std::exchange(command.port, {}));
    if (command.words.size() > after_dashes) refuse("give PORT or --labels, not both; a command follows after --");
    return command;
}

LeaseCommand checked_labels(const LeaseCommand& command, std::size_t after_dashes) {
    if (command.renew || command.release || command.list)
        refuse("--labels chooses a port to hold; name the PORT instead");
    if (command.takeover) refuse("--takeover needs a PORT: --labels takes a port that nobody holds");
    if (command.id) refuse("--id needs --renew or --release");
    return without_port(command, after_dashes);
}

}  // namespace

void add_lease_options(CLI::App& app, LeaseCommand& command) {
    app.add_option("PORT", command.port, "The port's name")->type_name("");
    add_labels_option(app, command.labels,
                      "Instead of PORT: any free port with these labels: rack=3,board!=rpi4,usb,!broken");
    add_duration(app, "--ttl", "How long it lasts unless it is renewed: 1s to 24h (default 60s)",
                 [&command](std::chrono::milliseconds ttl) { command.ttl = checked_ttl(ttl); });
    add_duration(app, "--wait",
                 "How long to wait for other clients, and with --labels for more ports (default: not at all)",
                 [&command](std::chrono::milliseconds wait) { command.wait = wait; });
    app.add_flag("--takeover", command.takeover, "End the present lease; needs the role admin");
    app.add_option("--reason", command.reason, "What other clients see (default: the name of the command's program)")
        ->type_name("TEXT");
    auto* renew = app.add_flag("--renew", command.renew, "Renew the lease in VSERD_LEASE, or of --id");
    auto* release = app.add_flag("--release", command.release, "End the lease in VSERD_LEASE, or of --id");
    auto* list = app.add_flag("--list", command.list, "Show who holds ports, and who waits for them");
    app.add_option("--id", command.id, "The lease to renew or release")
        ->type_name("ID")
        ->check(whole_number(1, UINT64_MAX));
    auto* words = app.add_option("COMMAND", command.words, "After --: the command and its arguments")->type_name("");
    for (auto* one : {renew, release, list}) {
        for (auto* other : {renew, release, list, words}) {
            if (one != other) one->excludes(other);
        }
    }
}

LeaseCommand checked_lease(const LeaseCommand& command, std::size_t after_dashes) {
    if (command.labels) return checked_labels(command, after_dashes);
    if (command.port.empty() && !command.list) refuse("PORT is required: the port to hold; or choose any by --labels");
    if (command.id && !command.renew && !command.release) refuse("--id needs --renew or --release");
    return command;
}

}  // namespace vserctl
