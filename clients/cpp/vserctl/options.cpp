#include "vserctl/options.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <utility>

#include "vserctl/archive.hpp"
#include "vserctl/discover.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/fleet.hpp"
#include "vserctl/json.hpp"
#include "vserctl/lease_options.hpp"
#include "vserctl/log_options.hpp"
#include "vserctl/parse.hpp"
#include "vserctl/server_choice.hpp"
#include "vserctl/server_options.hpp"
#include "vserctl/token.hpp"
#include "vserctl/transfer_options.hpp"
#include "vserctl/tty_options.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

using vser::client::FlushDirection;

constexpr const char* from_help =
    "Where to start: oldest, live, OFFSET, tail:BYTES or since:TIME (2026-11-22T01:02:03Z, or an age: 10m)";

/// Arguments as CLI11 stores them, before they are parsed.
struct RawArguments {
    std::vector<std::string> ports;
    std::string port;
    std::optional<std::string> health_port;
    std::optional<std::string> from;
    std::optional<std::string> since;
    std::optional<std::string> max_bytes;
    std::string escape = "^]";
    std::string wait = "1s";
    std::string text;
    std::optional<std::string> format;
    std::string duration = "250ms";
    std::string reason;
    std::string action;
    std::string token_name;
    std::optional<std::string> expires;
    std::string session;
    std::string direction = "both";
    std::optional<std::string> timeout;
    ConfigCommand config;
    DiscoverCommand discover;
    FleetCommand fleet;
    ArchiveCommand archive;
    TtyCommand tty;
    TransferCommand send;
    PortChoice choice;
    LogCommand log;
    LeaseCommand lease;
    TransferCommand receive;
    std::uint32_t baud = 0;
    std::vector<std::string> modem_lines;
    std::vector<std::string> words;
    std::size_t after_dashes = 0;  ///< words after "--"
    bool json = false;
    bool follow = false;
    bool events = false;
    bool base64 = false;
    bool read_only = false;
    bool exclusive = false;
    bool quiet = false;
    bool from_stdin = false;
    bool escapes = false;
};

/// Returns the value, or throws CLI11's error.
template <class T>
T checked(vser::client::Result<T> result) {
    if (!result) throw CLI::ValidationError(result.error().message, CLI::ExitCodes::ValidationError);
    return std::move(result).value();
}

vser::client::StartPoint from_of(const RawArguments& arguments) {
    return checked(parse_from(arguments.since ? "since:" + *arguments.since : *arguments.from));
}

bool has_start(const RawArguments& arguments) { return arguments.from || arguments.since; }

HealthCommand health_of(const RawArguments& arguments) {
    // An empty variable in a script must not query the whole server.
    if (arguments.health_port && arguments.health_port->empty())
        throw CLI::ValidationError("PORT is empty: name a port, or none to ask about the server",
                                   CLI::ExitCodes::ValidationError);
    return {arguments.health_port.value_or("")};
}

TokenCommand token_of(const RawArguments& arguments) {
    if (!is_token_name(arguments.token_name))
        throw CLI::ValidationError("NAME must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'",
                                   CLI::ExitCodes::ValidationError);
    TokenCommand command{arguments.token_name, {}};
    if (arguments.expires)
        command.expires = checked(parse_expiry(*arguments.expires, std::chrono::system_clock::now()));
    return command;
}

std::string usage_error(const std::string& what, const std::string& help, bool json) {
    if (!json) return fmt::format("vserctl: {}\nTry: vserctl {}\n", printable(what), help);
    const vser::client::Error error{.code = vser::client::Code::invalid_argument,
                                    .message = what,
                                    .reason = "USAGE",
                                    .metadata = {{"help", "vserctl " + help}}};
    return JsonObject().field("error", vserctl::to_json(error)).text() + "\n";
}

class Parser {
public:
    Parser() : app_("Serial ports over the network: the client of vserd.", "vserctl") {
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.set_version_flag("--version", "vserctl " VSERD_VERSION);
        server_ = add_server_options(app_, options_);
        app_.add_flag("--json", options_.json, "Print JSON: one object, or one per line in continuous output");
        app_.add_option("--timeout", arguments_.timeout, "Time limit of a call (default 10s; none for write -)")
            ->type_name("DURATION");
        app_.footer(
            "Examples:\n  vserctl ports\n  vserctl attach vser0\n  vserctl -s lab7:50051 read vser0 --follow\n"
            "Exit status: 0 success, 1 rejected or output failed, 2 usage, 3 could not connect; yield and lease: that "
            "of the command.");
        add_inventory_commands();
        add_byte_commands();
        add_line_commands();
        add_session_commands();
        auto* config = add("config", config_summary, config_examples,
                           [](const RawArguments& raw) -> Command { return raw.config; });
        add_config_options(*config, arguments_.config);
        auto* discover = add("discover", discover_summary, discover_examples,
                             [](const RawArguments& raw) -> Command { return raw.discover; });
        discover
            ->add_option_function<std::string>(
                "--limit",
                [this](const std::string& text) { arguments_.discover.limit = checked(parse_duration(text)); },
                "Stop after this time (default 10s)")
            ->type_name("DURATION");
        auto* fleet = add("fleet", fleet_summary, fleet_examples, [](const RawArguments& raw) -> Command {
            if (raw.fleet.action == "resolve" && raw.fleet.name.empty())
                throw CLI::ValidationError("resolve: NAME is required: the port to look up",
                                           CLI::ExitCodes::RequiredError);
            return raw.fleet;
        });
        add_fleet_options(*fleet, arguments_.fleet);
        auto* archive = add("archive", archive_summary, archive_examples,
                            [](const RawArguments& raw) -> Command { return raw.archive; });
        add_archive_options(*archive, arguments_.archive);
        auto* tty = add("tty", tty_summary, tty_examples, [](const RawArguments& raw) -> Command { return raw.tty; });
        add_tty_options(*tty, arguments_.tty);
        auto* log = add("log", log_summary, log_examples,
                        [](const RawArguments& raw) -> Command { return checked_log(raw.log, raw.json); });
        add_log_options(*log, arguments_.log);
        auto* lease = add("lease", lease_summary, lease_examples, [](const RawArguments& raw) -> Command {
            return checked_lease(raw.lease, raw.after_dashes);
        });
        add_lease_options(*lease, arguments_.lease);
        auto* send = add("send", send_summary, send_examples,
                         [](const RawArguments& raw) -> Command { return checked_transfer(raw.send); });
        arguments_.send.sends = true;
        add_transfer_options(*send, arguments_.send);
        auto* receive = add("receive", receive_summary, receive_examples,
                            [](const RawArguments& raw) -> Command { return checked_transfer(raw.receive); });
        add_transfer_options(*receive, arguments_.receive);
    }

    ParseOutcome parse(std::vector<std::string> arguments) {
        ParseOutcome outcome;
        const bool json = asks_for_json(arguments);
        const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
        arguments_.after_dashes =
            static_cast<std::size_t>(arguments.end() - dashes) - (dashes == arguments.end() ? 0 : 1);
        try {
            std::reverse(arguments.begin(), arguments.end());  // the order that CLI11 expects
            app_.parse(std::move(arguments));
            if (arguments_.timeout) options_.timeout = checked(parse_duration(*arguments_.timeout));
            if (options_.timeout == std::chrono::milliseconds{}) {
                throw CLI::ValidationError(
                    fmt::format("--timeout: '{}' must be more than zero; example: 10s", *arguments_.timeout),
                    CLI::ExitCodes::ValidationError);
            }
            for (auto& [subcommand, make] : makers_) {
                arguments_.json = options_.json;
                if (subcommand->parsed()) options_.command = make(arguments_);
            }
            if (!std::holds_alternative<ConfigCommand>(options_.command) &&
                !std::holds_alternative<TokenCommand>(options_.command) &&
                !std::holds_alternative<DiscoverCommand>(options_.command) &&
                !std::holds_alternative<ArchiveCommand>(options_.command)) {
                outcome.err = checked(choose_server(options_, server_->count() > 0));
            }
            outcome.options = std::move(options_);
        } catch (const CLI::Success& success) {
            std::ostringstream out;
            app_.exit(success, out, out);
            outcome.out = out.str();
        } catch (const CLI::ParseError& error) {
            outcome.exit_code = exit_usage;
            outcome.err = usage_error(usage_message(error), command_name() + "--help", json);
        }
        return outcome;
    }

private:
    using Maker = Command (*)(const RawArguments&);

    CLI::App* add(const char* name, const char* description, const char* examples, Maker make) {
        auto* command = app_.add_subcommand(name, description);
        command->footer(std::string("Examples:\n") + examples);
        makers_.emplace_back(command, make);
        return command;
    }

    void add_port(CLI::App* command) {
        command->add_option("PORT", arguments_.port, "The port's name")->required()->type_name("");
    }

    void add_start(CLI::App* command, const char* usual) {
        auto* from = command->add_option("--from", arguments_.from, from_help)->type_name("WHERE")->default_str(usual);
        command->add_option("--since", arguments_.since, "The same as --from since:TIME")
            ->type_name("TIME")
            ->excludes(from);
    }

    /// For a misspelt command, because CLI11 would only say that one is required.
    std::string usage_message(const CLI::ParseError& error) const {
        if (!app_.get_subcommands().empty() || error.get_name() != "RequiredError") return error.what();
        std::string names;
        for (const auto& [command, make] : makers_) names += (names.empty() ? "" : ", ") + command->get_name();
        const auto unknown = app_.remaining();
        if (unknown.empty()) return fmt::format("a command is required: {}", names);
        return fmt::format("'{}' is not a command: {}", unknown.front(), names);
    }

    std::string command_name() const {
        const auto parsed = app_.get_subcommands();
        return parsed.empty() ? std::string() : parsed.front()->get_name() + " ";
    }

    void add_inventory_commands();
    void add_byte_commands();
    void add_attach();
    void add_line_commands();
    void add_session_commands();

    CLI::App app_;
    CLI::Option* server_ = nullptr;
    Options options_;
    RawArguments arguments_;
    std::vector<std::pair<CLI::App*, Maker>> makers_;
};

void Parser::add_inventory_commands() {
    auto* ports =
        add("ports", "List the ports", "  vserctl ports\n  vserctl ports -l rack=3\n  vserctl ports vser0 --json",
            [](const RawArguments& arguments) -> Command { return PortsCommand{arguments.choice}; });
    add_port_choice(*ports, arguments_.choice, "Only these");
    auto* watch = add("watch", "Show the state of the ports, then every change, until interrupted",
                      "  vserctl watch\n  vserctl watch vser0 vser1 --json\n  vserctl --fleet lab7:50051 watch",
                      [](const RawArguments& arguments) -> Command { return WatchCommand{arguments.ports}; });
    watch->add_option("PORT", arguments_.ports, "Only these")->type_name("");
    add("info", "Show the server's version, engine and summary", "  vserctl info\n  vserctl info --json",
        [](const RawArguments&) -> Command { return InfoCommand{}; });
    auto* health = add("health", "Show the health of the server, or of a port: whether its device is open",
                       "  vserctl health\n  vserctl health vser0",
                       [](const RawArguments& arguments) -> Command { return health_of(arguments); });
    health->add_option("PORT", arguments_.health_port, "The port; without it, the server")->type_name("");
}

void Parser::add_attach() {
    auto* attach = add("attach", "Open a port as a console; Ctrl-] ? shows its keys, Ctrl-] . leaves",
                       "  vserctl attach vser0\n  vserctl attach vser0 --read-only --from tail:4K\n"
                       "  printf 'version\\r' | vserctl attach vser0 --wait 2s",
                       [](const RawArguments& arguments) -> Command {
                           AttachCommand command;
                           command.port = arguments.port;
                           command.from = !has_start(arguments) ? vser::client::StartPoint::live() : from_of(arguments);
                           command.read_only = arguments.read_only;
                           command.exclusive = arguments.exclusive;
                           command.quiet = arguments.quiet;
                           command.escape_key = checked(parse_escape_key(arguments.escape));
                           if (arguments.wait != "forever") command.wait = checked(parse_duration(arguments.wait));
                           return command;
                       });
    add_port(attach);
    add_start(attach, "live");
    auto* read_only = attach->add_flag("--read-only", arguments_.read_only, "Do not send input");
    attach->add_flag("--exclusive", arguments_.exclusive, "Prevent other clients from writing meanwhile")
        ->excludes(read_only);
    attach->add_option("--escape", arguments_.escape, "The key that begins a command: ^], ^A, ... or none")
        ->type_name("KEY");
    attach
        ->add_option("--wait", arguments_.wait,
                     "If stdin is not a terminal: after its end, exit when the port was silent this long; or forever")
        ->type_name("DURATION");
    attach->add_flag("-q,--quiet", arguments_.quiet, "No messages about the connection and the device");
}

void Parser::add_byte_commands() {
    add_attach();
    add("ssh", "Serve one session of an SSH client: the ForceCommand of sshd (see /usr/share/doc/vserd-ssh)",
        "  ForceCommand /usr/bin/vserctl --server unix:/run/vserd/vserd.sock ssh",
        [](const RawArguments&) -> Command { return SshCommand{}; });
    auto* read = add("read", "Print what a port received",
                     "  vserctl read vser0\n  vserctl read vser0 --from tail:4K --follow\n  vserctl read vser0 --from "
                     "since:10m --json",
                     [](const RawArguments& arguments) -> Command {
                         ReadCommand command;
                         command.port = arguments.port;
                         command.from = !has_start(arguments) ? vser::client::StartPoint::oldest() : from_of(arguments);
                         command.follow = arguments.follow;
                         if (arguments.max_bytes) command.bytes_max = checked(parse_bytes(*arguments.max_bytes));
                         command.events = arguments.events;
                         command.base64 = arguments.base64;
                         if (command.base64 && !arguments.json)
                             throw CLI::ValidationError(
                                 "--base64 requires --json; without --json the bytes are printed unchanged",
                                 CLI::ExitCodes::RequiresError);
                         return command;
                     });
    add_port(read);
    add_start(read, "oldest");
    read->add_flag("-f,--follow", arguments_.follow, "Continue with new bytes; reconnect automatically");
    read->add_option("--max-bytes", arguments_.max_bytes, "Stop after this many bytes")->type_name("BYTES");
    read->add_flag("--events", arguments_.events, "Also print events, on stderr");
    read->add_flag("--base64", arguments_.base64, "With --json: print bytes in base64 instead of text");

    auto* write =
        add("write", "Send text to a port; return when the server's queue has accepted all of it",
            "  vserctl write vser0 -e 'reboot\\r'\n  vserctl write vser0 - < firmware.hex",
            [](const RawArguments& arguments) -> Command {
                const bool from_stdin = arguments.from_stdin || arguments.text == "-";
                if (!from_stdin && arguments.text.empty())
                    throw CLI::ValidationError("TEXT is required: the text to send, or - for stdin",
                                               CLI::ExitCodes::RequiredError);
                if (arguments.from_stdin && !arguments.text.empty() && arguments.text != "-")
                    throw CLI::ValidationError("TEXT and --stdin exclude each other", CLI::ExitCodes::ExcludesError);
                return WriteCommand{arguments.port,
                                    arguments.escapes ? checked(unescape(arguments.text)) : arguments.text, from_stdin};
            });
    add_port(write);
    write->add_option("TEXT", arguments_.text, "The text to send; - for stdin")->type_name("");
    write->add_flag("--stdin", arguments_.from_stdin, "Send stdin up to its end");
    write->add_flag("-e,--escapes", arguments_.escapes, "Interpret \\r \\n \\t \\e \\xHH and similar in TEXT");
}

void Parser::add_line_commands() {
    auto* baud =
        add("baud", "Show or set the speed", "  vserctl baud vser0\n  vserctl baud vser0 9600",
            [](const RawArguments& arguments) -> Command {
                return BaudCommand{arguments.port, arguments.baud > 0 ? std::optional(arguments.baud) : std::nullopt};
            });
    add_port(baud);
    baud->add_option("RATE", arguments_.baud, "Bits per second, any integer")
        ->type_name("")
        ->check(CLI::Range(1U, UINT32_MAX).description(""));

    auto* format = add("format", "Show or set the format of a character and the flow control",
                       "  vserctl format vser0\n  vserctl format vser0 7E2\n  vserctl format vser0 8N1/rtscts",
                       [](const RawArguments& arguments) -> Command {
                           FormatCommand command{arguments.port, {}};
                           if (arguments.format)
                               command.format = checked(vser::client::parse_format(*arguments.format));
                           return command;
                       });
    add_port(format);
    format->add_option("FORMAT", arguments_.format, "Such as 8N1, 5N1.5, 7E2/none, 8N1/rtscts, 8N1/xonxoff")
        ->type_name("");

    auto* signals =
        add("signals", "Show or set the modem lines", "  vserctl signals vser0\n  vserctl signals vser0 dtr=on rts=off",
            [](const RawArguments& arguments) -> Command {
                return SignalsCommand{arguments.port, checked(parse_signal_change(arguments.modem_lines))};
            });
    add_port(signals);
    signals->add_option("LINE=STATE", arguments_.modem_lines, "dtr=on, dtr=off, rts=on, rts=off")->type_name("");

    auto* send_break = add("break", "Send a break", "  vserctl break vser0\n  vserctl break vser0 --duration 500ms",
                           [](const RawArguments& arguments) -> Command {
                               return BreakCommand{arguments.port, checked(parse_duration(arguments.duration))};
                           });
    add_port(send_break);
    send_break->add_option("--duration", arguments_.duration, "1ms to 5s")
        ->type_name("DURATION")
        ->capture_default_str();

    auto* yield = add("yield", "Run a command that needs the device itself; vserd closes it meanwhile",
                      "  vserctl yield vser0 -- esptool.py --port {device} write_flash 0 firmware.bin\n"
                      "  vserctl yield vser0 -- picocom -b 115200 {device}",
                      [](const RawArguments& arguments) -> Command {
                          return YieldCommand{arguments.port, arguments.words, arguments.reason};
                      });
    add_port(yield);
    yield->add_option("--reason", arguments_.reason, "What other clients see (default: the name of the program)")
        ->type_name("TEXT");
    yield
        ->add_option("COMMAND", arguments_.words,
                     "After --: the command and its arguments; {device} is the device's path")
        ->required()
        ->type_name("");
    auto* flush = add("flush", "Discard queued bytes", "  vserctl flush vser0\n  vserctl flush vser0 output",
                      [](const RawArguments& arguments) -> Command {
                          const auto direction = arguments.direction == "input"    ? FlushDirection::input
                                                 : arguments.direction == "output" ? FlushDirection::output
                                                                                   : FlushDirection::both;
                          return FlushCommand{arguments.port, direction};
                      });
    add_port(flush);
    flush->add_option("DIRECTION", arguments_.direction, "input, output or both")
        ->type_name("")
        ->capture_default_str()
        ->check(CLI::IsMember({"input", "output", "both"}));
}

void Parser::add_session_commands() {
    auto* who = add("who", "Show who is connected to the ports",
                    "  vserctl who\n  vserctl who vser0 --json\n  vserctl --fleet lab7:50051 who",
                    [](const RawArguments& arguments) -> Command { return WhoCommand{arguments.ports}; });
    who->add_option("PORT", arguments_.ports, "Only these")->type_name("");
    auto* end = add("end", "End a session of another client, which does not reconnect by itself",
                    "  vserctl end k7fm-12\n  vserctl end k7fm-12 --reason 'the board is needed for a release'",
                    [](const RawArguments& arguments) -> Command {
                        return EndCommand{arguments.session, arguments.reason};
                    });
    end->add_option("SESSION", arguments_.session, "The session's id, as who shows it")->required()->type_name("");
    end->add_option("--reason", arguments_.reason, "What the client is told")->type_name("TEXT");
    auto* notice =
        add("notice", "Show a line of text to everybody attached to a port; the device does not receive it",
            "  vserctl notice vser0 'I reboot the board at 5'", [](const RawArguments& arguments) -> Command {
                return NoticeCommand{arguments.port, arguments.text};
            });
    add_port(notice);
    auto* token = add("token", "Make a token for a client: prints it, and the line for the server's file of tokens",
                      "  vserctl token new ci-1 --expires 90d\n  vserctl token new ann --json",
                      [](const RawArguments& arguments) -> Command { return token_of(arguments); });
    token->add_option("ACTION", arguments_.action, "new")->required()->type_name("")->check(CLI::IsMember({"new"}));
    token->add_option("NAME", arguments_.token_name, "Rules of the server know the client as token:NAME")
        ->required()
        ->type_name("");
    token->add_option("--expires", arguments_.expires, "A duration such as 90d, or a time such as 2026-12-31")
        ->type_name("WHEN");
    notice->add_option("TEXT", arguments_.text, "One line, 1024 bytes at most")->required()->type_name("");
}

}  // namespace

bool asks_for_json(const std::vector<std::string>& arguments) {
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    return std::find(arguments.begin(), end, "--json") != end;
}

ParseOutcome parse_command_line(std::vector<std::string> arguments) { return Parser().parse(std::move(arguments)); }

}  // namespace vserctl
