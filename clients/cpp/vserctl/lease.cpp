#include "vserctl/lease.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vserctl/child_process.hpp"
#include "vserctl/connect_console.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/lease_candidates.hpp"
#include "vserctl/lease_environment.hpp"
#include "vserctl/lease_keeper.hpp"
#include "vserctl/lease_race.hpp"
#include "vserctl/output.hpp"
#include "vserctl/table.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

JsonObject to_json(const client::Lease& lease) {
    auto object = JsonObject().field("id", lease.id).field("port", lease.port).field("holder", lease.holder);
    object.field("via", lease.via).field("since", rfc3339(lease.since)).field("reason", lease.reason);
    if (lease.expires) object.field("expires", rfc3339(*lease.expires));
    return object;
}

/// Scripts use the line on stdout: export VSERD_LEASE=$(vserctl lease PORT).
int show_lease(const client::Lease& lease, bool json) {
    if (json) {
        put(JsonObject().field("lease", to_json(lease)).text() + "\n");
        return exit_ok;
    }
    put(lease_text(lease.port, lease.id) + "\n");
    if (::isatty(STDOUT_FILENO) == 1 && lease.expires) {
        put_message(fmt::format(
            "you hold {0} until {1}; to use it: export {2}={3}; renew it in time: vserctl lease {0} --renew\n",
            printable(lease.port), rfc3339(*lease.expires), lease_variable,
            printable(lease_text(lease.port, lease.id))));
    }
    return exit_ok;
}

int list_leases(const client::Client& client, const LeaseCommand& command, bool json) {
    const auto list = client.leases(command.port.empty() ? std::vector<std::string>{} : std::vector{command.port});
    if (!list) return print_error(list.error(), json);
    if (json) {
        std::vector<JsonObject> leases;
        std::vector<JsonObject> waiting;
        for (const auto& lease : list->leases) leases.push_back(to_json(lease));
        for (const auto& each : list->waiting) {
            waiting.push_back(JsonObject()
                                  .field("port", each.port)
                                  .field("client", each.client)
                                  .field("via", each.via)
                                  .field("reason", each.reason));
        }
        put(JsonObject().field("leases", leases).field("waiting", waiting).text() + "\n");
        return exit_ok;
    }
    Table table({"PORT", "STATE", "CLIENT", "VIA", "SINCE", "UNTIL", "REASON"});
    const auto plain = [](const std::string& text) { return Table::Cell{printable(text), Colour::plain}; };
    for (const auto& lease : list->leases) {
        table.add({plain(lease.port),
                   {"holds", Colour::good},
                   plain(lease.holder),
                   plain(lease.via),
                   plain(rfc3339(lease.since)),
                   plain(lease.expires ? rfc3339(*lease.expires) : "its stream ends"),
                   plain(lease.reason)});
    }
    for (const auto& each : list->waiting) {
        table.add({plain(each.port),
                   {"waits", Colour::dim},
                   plain(each.client),
                   plain(each.via),
                   plain(""),
                   plain(""),
                   plain(each.reason)});
    }
    put(table.text(stdout_wants_colour()));
    return exit_ok;
}

/// The id to renew or release: given, or from the environment.
client::Result<std::uint64_t> id_of(const LeaseCommand& command) {
    if (command.id) return *command.id;
    auto lease = lease_from_environment();
    if (!lease) return std::move(lease).error();
    if (*lease && (*lease)->port == command.port) return (*lease)->id;
    return client::Error{
        .code = client::Code::invalid_argument,
        .message = fmt::format("which lease of {}? Give --id, or set {}", command.port, lease_variable),
        .reason = "USAGE",
        .metadata = {}};
}

int release_or_renew(const client::Client& client, const LeaseCommand& command, bool json) {
    const auto id = id_of(command);
    if (!id) {
        print_error(id.error(), json);
        return exit_usage;
    }
    if (command.release) {
        const auto released = client.release(command.port, *id);
        return released ? exit_ok : print_error(released.error(), json);
    }
    const auto renewed = client.renew(command.port, *id, command.ttl);
    return renewed ? show_lease(*renewed, json) : print_error(renewed.error(), json);
}

client::AcquireOptions acquire_options(const LeaseCommand& command) {
    client::AcquireOptions options;
    if (command.ttl) options.ttl = *command.ttl;
    options.wait = command.wait;
    options.takeover = command.takeover;
    options.reason = command.reason;
    if (options.reason.empty() && !command.words.empty()) {  // not the arguments, which can be secrets
        const std::string& program = command.words.front();
        options.reason = program.substr(program.rfind('/') + 1).substr(0, 200);
    }
    options.client = client_name();
    return options;
}

client::Result<HeldLease> acquire(const client::ConnectOptions& connect, const LeaseCommand& command,
                                  const Options& options) {
    if (command.labels) {
        const auto look = [&] { return lease_candidates(connect, command, options); };
        auto candidates = look();
        if (!candidates) {
            const auto& error = candidates.error();
            if (command.wait.count() == 0 || error.reason != "PORT_NOT_FOUND") return error;
            put_message(fmt::format("vserctl: {}; waiting for one\n", printable(error.message)));
            candidates = std::vector<LeaseCandidate>{};
        }
        return acquire_any(*candidates, acquire_options(command), look);
    }
    auto connected = client::Client::connect(options.server, connect);
    if (!connected) return std::move(connected).error();
    auto lease = connected->acquire(command.port, acquire_options(command));
    if (!lease) return std::move(lease).error();
    return HeldLease{{*std::move(connected), command.port, options.asked_server}, *std::move(lease)};
}

/// Runs the command with the lease in its environment.
/// As in VSERD_FLEET.
std::string entries_of(const Options& options) {
    std::string text;
    for (const std::string& entry : options.fleet) text += (text.empty() ? "" : ",") + entry;
    return text;
}

int run_with_lease(const client::ConnectOptions& connect, const LeaseCommand& command, const Options& options) {
    sigset_t mask;
    const auto held = run_without_signals([&] { return acquire(connect, command, options); }, mask);
    if (!held) return print_error(held.error(), options.json);
    const client::Lease& lease = held->lease;
    if (command.labels) put_message(fmt::format("vserctl: you hold {}\n", printable(lease.port)));
    std::atomic<bool> lost = false;
    std::unique_ptr<LeaseKeeper> keeper;
    const auto on_lost = [&lost](pid_t pid, const std::string& why) {
        lost = true;
        put_message(fmt::format("vserctl: the lease was lost: {}; the command is ended\n", printable(why)));
        ::kill(pid, SIGTERM);
    };
    const ChildProcess child{
        .words = command.words,
        .variables = {fmt::format("{}={}", lease_variable, lease_text(lease.port, lease.id)),
                      "VSERD_ADDRESS=" + (options.fleet.empty() ? held->at.server : std::string()),
                      "VSERD_FLEET=" + entries_of(options)},
        .started =
            [&](pid_t pid) {
                keeper = std::make_unique<LeaseKeeper>(held->at.client, lease, acquire_options(command).ttl,
                                                       [=](const std::string& why) { on_lost(pid, why); });
            },
    };
    const int status = run_command(child, mask);
    if (keeper != nullptr) {
        keeper->release();
    } else {
        (void)held->at.client.release(lease.port, lease.id);
    }
    return lost ? exit_lease_lost : status;
}

}  // namespace

int run_lease(const client::ConnectOptions& connect, const LeaseCommand& command, const Options& options) {
    if (!command.words.empty()) return run_with_lease(connect, command, options);
    if (!command.list && !command.release && !command.renew) {
        const auto held = acquire(connect, command, options);
        return held ? show_lease(held->lease, options.json) : print_error(held.error(), options.json);
    }
    const auto client = client::Client::connect(options.server, connect);
    if (!client) return print_error(client.error(), options.json);
    if (command.list) return list_leases(*client, command, options.json);
    return release_or_renew(*client, command, options.json);
}

}  // namespace vserctl
