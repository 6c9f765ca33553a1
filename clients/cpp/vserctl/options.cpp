#include "vserctl/options.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <utility>

#include "vserctl/archive.hpp"
#include "vserctl/byte_options.hpp"
#include "vserctl/command_set.hpp"
#include "vserctl/discover.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/fleet.hpp"
#include "vserctl/json.hpp"
#include "vserctl/lease_options.hpp"
#include "vserctl/line_options.hpp"
#include "vserctl/log_options.hpp"
#include "vserctl/parse.hpp"
#include "vserctl/server_choice.hpp"
#include "vserctl/server_options.hpp"
#include "vserctl/session_options.hpp"
#include "vserctl/transfer_options.hpp"
#include "vserctl/tty_options.hpp"
#include "vserctl/usage.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

HealthCommand health_of(const RawArguments& arguments) {
    // An empty variable in a script must not query the whole server.
    if (arguments.health_port && arguments.health_port->empty())
        refuse("PORT is empty: name a port, or none to ask about the server");
    return {arguments.health_port.value_or("")};
}

std::string usage_error(const std::string& what, const std::string& help, bool json) {
    if (!json) return fmt::format("vserctl: {}\nTry: vserctl {}\n", printable(what), help);
    const vser::client::Error error{.code = vser::client::Code::invalid_argument,
                                    .message = what,
                                    .reason = "USAGE",
                                    .metadata = {{"help", "vserctl " + help}}};
    return JsonObject().field("error", vserctl::to_json(error)).text() + "\n";
}

void add_inventory_commands(CommandSet& commands) {
    auto& arguments = commands.arguments();
    auto* ports = commands.add("ports", "List the ports",
                               "  vserctl ports\n  vserctl ports -l rack=3\n  vserctl ports vser0 --json",
                               [](const RawArguments& raw) -> Command { return PortsCommand{raw.choice}; });
    add_port_choice(*ports, arguments.choice, "Only these");
    auto* watch = commands.add("watch", "Show the state of the ports, then every change, until interrupted",
                               "  vserctl watch\n  vserctl watch vser0 vser1 --json\n"
                               "  vserctl --fleet lab7:50051 watch",
                               [](const RawArguments& raw) -> Command { return WatchCommand{raw.ports}; });
    watch->add_option("PORT", arguments.ports, "Only these")->type_name("");
    commands.add("info", "Show the server's version, engine and summary", "  vserctl info\n  vserctl info --json",
                 [](const RawArguments&) -> Command { return InfoCommand{}; });
    auto* health = commands.add("health", "Show the health of the server, or of a port: whether its device is open",
                                "  vserctl health\n  vserctl health vser0",
                                [](const RawArguments& raw) -> Command { return health_of(raw); });
    health->add_option("PORT", arguments.health_port, "The port; without it, the server")->type_name("");
}

/// The commands that need no server, or a fleet.
void add_other_places(CommandSet& commands) {
    auto& arguments = commands.arguments();
    add_config_options(*commands.add("config", config_summary, config_examples,
                                     [](const RawArguments& raw) -> Command { return checked_config(raw.config); }),
                       arguments.config);
    add_discover_options(*commands.add("discover", discover_summary, discover_examples,
                                       [](const RawArguments& raw) -> Command { return raw.discover; }),
                         arguments.discover);
    add_fleet_options(*commands.add("fleet", fleet_summary, fleet_examples,
                                    [](const RawArguments& raw) -> Command { return checked_fleet(raw.fleet); }),
                      arguments.fleet);
    add_archive_options(*commands.add("archive", archive_summary, archive_examples,
                                      [](const RawArguments& raw) -> Command { return checked_archive(raw.archive); }),
                        arguments.archive);
}

void add_long_commands(CommandSet& commands) {
    auto& arguments = commands.arguments();
    add_tty_options(
        *commands.add("tty", tty_summary, tty_examples, [](const RawArguments& raw) -> Command { return raw.tty; }),
        arguments.tty);
    add_log_options(*commands.add("log", log_summary, log_examples,
                                  [](const RawArguments& raw) -> Command { return checked_log(raw.log, raw.json); }),
                    arguments.log);
    add_lease_options(
        *commands.add("lease", lease_summary, lease_examples,
                      [](const RawArguments& raw) -> Command { return checked_lease(raw.lease, raw.after_dashes); }),
        arguments.lease);
    arguments.send.sends = true;
    add_transfer_options(*commands.add("send", send_summary, send_examples,
                                       [](const RawArguments& raw) -> Command { return checked_transfer(raw.send); }),
                         arguments.send);
    add_transfer_options(
        *commands.add("receive", receive_summary, receive_examples,
                      [](const RawArguments& raw) -> Command { return checked_transfer(raw.receive); }),
        arguments.receive);
}

/// How many arguments follow "--".
std::size_t count_after_dashes(const std::vector<std::string>& arguments) {
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    return static_cast<std::size_t>(arguments.end() - dashes) - (dashes == arguments.end() ? 0 : 1);
}

bool needs_server(const Command& command) {
    return !std::holds_alternative<ConfigCommand>(command) && !std::holds_alternative<TokenCommand>(command) &&
           !std::holds_alternative<DiscoverCommand>(command) && !std::holds_alternative<ArchiveCommand>(command);
}

class Parser {
public:
    Parser() : app_("Serial ports over the network: the client of vserd.", "vserctl"), commands_(app_) {
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.set_version_flag("--version", "vserctl " VSERD_VERSION);
        server_ = add_server_options(app_, options_);
        app_.add_flag("--json", options_.json, "Print JSON: one object, or one per line in continuous output");
        app_.add_option("--timeout", commands_.arguments().timeout,
                        "Time limit of a call (default 10s; none for write -)")
            ->type_name("DURATION");
        app_.footer(
            "Examples:\n  vserctl ports\n  vserctl attach vser0\n  vserctl -s lab7:50051 read vser0 --follow\n"
            "Exit status: 0 success, 1 rejected or output failed, 2 usage, 3 could not connect; yield and lease: that "
            "of the command.");
        add_inventory_commands(commands_);
        add_byte_commands(commands_);
        add_line_commands(commands_);
        add_session_commands(commands_);
        add_other_places(commands_);
        add_long_commands(commands_);
    }

    ParseOutcome parse(std::vector<std::string> arguments) {
        ParseOutcome outcome;
        const bool json = asks_for_json(arguments);
        commands_.arguments().after_dashes = count_after_dashes(arguments);
        try {
            std::reverse(arguments.begin(), arguments.end());  // the order that CLI11 expects
            app_.parse(std::move(arguments));
            take_timeout();
            commands_.arguments().json = options_.json;
            if (auto command = commands_.parsed()) options_.command = *std::move(command);
            if (needs_server(options_.command)) outcome.err = checked(choose_server(options_, server_->count() > 0));
            outcome.options = std::move(options_);
        } catch (const CLI::Success& success) {
            std::ostringstream out;
            app_.exit(success, out, out);
            outcome.out = out.str();
        } catch (const CLI::ParseError& error) {
            outcome.exit_code = exit_usage;
            outcome.err = usage_error(usage_message(app_, error), command_name() + "--help", json);
        }
        return outcome;
    }

private:
    void take_timeout() {
        const auto& text = commands_.arguments().timeout;
        if (!text) return;
        options_.timeout = checked(parse_duration(*text), "--timeout");
        if (options_.timeout == std::chrono::milliseconds{})
            refuse(fmt::format("--timeout: '{}' must be more than zero; example: 10s", *text));
    }

    std::string command_name() const {
        const auto parsed = app_.get_subcommands();
        return parsed.empty() ? std::string() : parsed.front()->get_name() + " ";
    }

    CLI::App app_;
    CLI::Option* server_ = nullptr;
    Options options_;
    CommandSet commands_;
};

}  // namespace

bool asks_for_json(const std::vector<std::string>& arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    return std::find(arguments.begin(), end, "--json") != end;
}

ParseOutcome parse_command_line(std::vector<std::string> arguments) { return Parser().parse(std::move(arguments)); }

}  // namespace vserctl
