#include "vserctl/fleet.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vserctl/describe.hpp"
#include "vserctl/etcd_directory.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/fleet_output.hpp"
#include "vserctl/fleet_watch.hpp"
#include "vserctl/fleet_who.hpp"
#include "vserctl/log.hpp"
#include "vserctl/output.hpp"
#include "vserctl/server_choice.hpp"
#include "vserctl/unsignalled.hpp"
#include "vserctl/usage.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

/// For one member, so that the others are asked soon.
constexpr std::chrono::milliseconds etcd_limit_default{3000};

client::Result<client::Fleet> connect_fleet(const Options& options) {
    const client::FleetOptions access{.connect = connect_options(options), .hosts = options.fleet_hosts};
    if (options.etcd.members.empty()) return client::Fleet::connect(options.fleet, access);
    auto directory = open_etcd_directory(options.etcd, options.timeout.value_or(etcd_limit_default));
    if (!directory) return std::move(directory).error();
    return client::Fleet(*std::move(directory), access);
}

void warn_if_stale(bool stale) {
    if (stale) put_note("this may be old: the entry that was asked has no connection to etcd's leader");
}

void warn(const client::FleetStatus& status) {
    warn_if_stale(status.stale);
    if (!status.problem.empty() && !status.stale) put_note(printable(status.problem));
}

int show_bridges(const client::Fleet& fleet, bool json) {
    const auto bridges = fleet.bridges();
    if (!bridges) return print_error(bridges.error(), json);
    warn(bridges->status);
    put(json ? bridges_json(*bridges) : bridges_table(*bridges));
    return exit_ok;
}

int show_owner(const client::Fleet& fleet, const std::string& port, bool json) {
    const auto found = fleet.resolve(port);
    if (!found) return print_error(found.error(), json);
    warn_if_stale(found->stale);
    put(json ? json_of(found->port).text() + "\n" : fmt::format("{} {}\n", found->port.bridge, found->port.address));
    return exit_ok;
}

int show_targets(const client::Fleet& fleet, const FleetCommand& command, bool json) {
    const auto bridges = fleet.bridges();
    if (!bridges) return print_error(bridges.error(), json);
    warn(bridges->status);
    const std::string targets = file_sd(bridges->bridges);
    if (command.output.empty()) {
        put(targets);
        return exit_ok;
    }
    if (const auto problem = replace_file(command.output, targets)) return print_error(*problem, json);
    return exit_ok;
}

int run_fleet(const client::Fleet& fleet, const FleetCommand& command, bool json) {
    if (command.action == "resolve") return show_owner(fleet, command.name, json);
    if (command.action == "sd") return show_targets(fleet, command, json);
    return show_bridges(fleet, json);
}

/// The ports of all bridges that are named, or all; of these, those with the labels.
client::Result<client::FleetPorts> find_ports(const client::Fleet& fleet, const PortChoice& choice) {
    auto all = fleet.list_ports();
    if (!all) return all;
    for (const auto& name : choice.names) {
        if (std::ranges::find(all->ports, name, &client::FleetPort::name) != all->ports.end()) continue;
        const auto found = fleet.resolve(name);  // its error suggests the closest name
        if (!found) return found.error();
    }
    std::erase_if(all->ports, [&](const client::FleetPort& port) {
        const bool named = choice.names.empty() || std::ranges::find(choice.names, port.name) != choice.names.end();
        return !named || (choice.labels && !choice.labels->matches(port.labels));
    });
    return all;
}

int show_ports(const client::Fleet& fleet, const PortsCommand& command, bool json) {
    const auto ports = find_ports(fleet, command.choice);
    if (!ports) return print_error(ports.error(), json);
    warn(ports->status);
    if (ports->ports.empty()) put_note(command.choice.labels ? "no port has these labels" : "the fleet shows no ports");
    put(json ? ports_json(*ports) : ports_table(*ports));
    return exit_ok;
}

int show_logs(const client::Fleet& fleet, LogCommand command) {
    const bool json = command.format == LogFormat::json;
    const auto ports = find_ports(fleet, command.choice);
    if (!ports) return print_error(ports.error(), json);
    warn(ports->status);
    std::vector<client::Client> owners;
    for (const auto& port : ports->ports) {
        auto owner = fleet.connect_to(port.address, port.tls);
        if (!owner) return print_error(owner.error(), json);
        owners.push_back(*std::move(owner));
        command.ports.push_back(port.name);
    }
    const auto find = [fleet](const std::string& port) { return fleet.client(port); };
    return run_log(std::move(owners), find, command);
}

/// The name of the one port that a command is about; empty: it is about none or several.
std::string port_of(const Command& command) {
    return std::visit(
        [](const auto& each) {
            if constexpr (requires { each.port; }) return each.port;
            return std::string();
        },
        command);
}

/// From here on the command runs as if that bridge had been named.
std::optional<int> choose_owner(const client::Fleet& fleet, Options& options) {
    const std::string port = port_of(options.command);
    if (port.empty()) {
        return print_error(
            "this command asks one vserd, not a fleet; name one with --server ('vserctl fleet' shows the addresses)",
            options.json);
    }
    const auto found = fleet.resolve(port);
    if (!found) return print_error(found.error(), options.json);
    warn_if_stale(found->stale);
    // Checks the address, and connects.
    if (const auto owner = fleet.connect_to(found->port.address, found->port.tls); !owner)
        return print_error(owner.error(), options.json);
    options.server = options.asked_server = found->port.address;
    options.tls = options.tls || found->port.tls;
    options.find_owner = [fleet, port] { return fleet.client(port); };
    return std::nullopt;
}

void lease_any(const client::Fleet& fleet, Options& options) {
    options.lease_ports = [fleet, choice = PortChoice{{}, std::get<LeaseCommand>(options.command).labels}] {
        return find_ports(fleet, choice);
    };
    options.connect_to = [fleet](const client::FleetPort& port) { return fleet.connect_to(port.address, port.tls); };
}

/// See run_in_fleet().
bool concerns_several_bridges(const Command& command) {
    return std::holds_alternative<LogCommand>(command) || std::holds_alternative<WatchCommand>(command) ||
           std::holds_alternative<WhoCommand>(command);
}

std::optional<int> run_with(const client::Fleet& fleet, Options& options) {
    if (const auto* command = std::get_if<FleetCommand>(&options.command))
        return run_fleet(fleet, *command, options.json);
    if (const auto* command = std::get_if<PortsCommand>(&options.command))
        return show_ports(fleet, *command, options.json);
    const auto* lease = std::get_if<LeaseCommand>(&options.command);
    if (lease != nullptr && lease->labels) {
        lease_any(fleet, options);
        return std::nullopt;
    }
    // These run where signals work as usual.
    if (concerns_several_bridges(options.command)) return std::nullopt;
    return choose_owner(fleet, options);
}

}  // namespace

void add_fleet_options(CLI::App& app, FleetCommand& command) {
    app.add_option("ACTION", command.action,
                   "bridges: list them (default); resolve: where the port NAME is; sd: what Prometheus scrapes")
        ->type_name("")
        ->check(one_of({"bridges", "resolve", "sd"}));
    app.add_option("NAME", command.name, "With resolve: the port")->type_name("");
    app.add_option("-o,--output", command.output, "With sd: replace this file instead of printing")->type_name("FILE");
}

FleetCommand checked_fleet(const FleetCommand& command) {
    if (command.action == "resolve" && command.name.empty()) refuse("resolve: NAME is required: the port to look up");
    if (command.action != "resolve" && !command.name.empty())
        refuse(fmt::format("{} takes no NAME; vserctl fleet resolve NAME shows where a port is", command.action));
    if (command.action != "sd" && !command.output.empty()) refuse("--output is for vserctl fleet sd");
    return command;
}

std::optional<int> run_in_fleet(Options& options) {
    std::optional<client::Result<client::Fleet>> fleet;
    std::optional<int> status;
    run_unsignalled([&] {
        fleet = connect_fleet(options);
        if (*fleet) status = run_with(**fleet, options);
    });
    if (!*fleet) return print_error(fleet->error(), options.json);
    if (const auto* log = std::get_if<LogCommand>(&options.command)) return show_logs(**fleet, *log);
    if (const auto* who = std::get_if<WhoCommand>(&options.command)) return run_fleet_who(**fleet, *who, options.json);
    if (const auto* watch = std::get_if<WatchCommand>(&options.command))
        return FleetWatch(**fleet, *watch, options.json).run();
    return status;
}

}  // namespace vserctl
