#include "vserctl/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>
#include <utility>

#include "vserctl/exit_code.hpp"
#include "vserctl/parse.hpp"

namespace vserctl {
namespace {

using vser::client::FlushDirection;

constexpr const char* from_help =
    "Where to start: oldest, live, OFFSET, tail:BYTES or since:TIME (2026-11-22T01:02:03Z, or an age: 10m)";

/// What CLI11 fills before it is looked at more closely.
struct Words {
    std::vector<std::string> ports;
    std::string port;
    std::string from;
    std::string max_bytes;
    std::string escape = "^]";
    std::string wait = "1s";
    std::string text;
    std::string format;
    std::string duration = "250ms";
    std::string direction = "both";
    std::string timeout;
    std::uint32_t baud = 0;
    std::vector<std::string> wires;
    bool follow = false;
    bool events = false;
    bool base64 = false;
    bool read_only = false;
    bool exclusive = false;
    bool quiet = false;
    bool from_stdin = false;
    bool escapes = false;
};

/// The value, or a complaint in CLI11's own way.
template <class T>
T checked(vser::client::Result<T> result) {
    if (!result) throw CLI::ValidationError(result.error().message, CLI::ExitCodes::ValidationError);
    return std::move(result).value();
}

vser::client::StartPoint from_of(const Words& words) {
    return checked(parse_from(words.from, std::chrono::system_clock::now()));
}

class Parser {
public:
    Parser() : app_("Serial ports over the network: the client of vserd.", "vserctl") {
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.set_version_flag("--version", "vserctl " VSERD_VERSION);
        app_.add_option("-s,--server", options_.server, "HOST:PORT, [IPV6]:PORT or unix:/PATH of vserd")
            ->envname("VSERD_ADDRESS")
            ->default_val("127.0.0.1:50051")
            ->type_name("ADDRESS");
        app_.add_flag("--json", options_.json, "Print JSON: one object, or one object per line where more follow");
        app_.add_option("--timeout", words_.timeout,
                        "Give up a call after this long (10s); write - has no limit by default")
            ->type_name("DURATION");
        app_.add_flag("--tls", options_.tls, "Connect with TLS");
        app_.add_option("--tls-ca", options_.tls_ca_file, "Trust this CA instead of the system's")
            ->type_name("FILE")
            ->check(CLI::ExistingFile.description(""));
        app_.add_option("--tls-cert", options_.tls_certificate_file, "Show this certificate")
            ->type_name("FILE")
            ->check(CLI::ExistingFile.description(""));
        app_.add_option("--tls-key", options_.tls_key_file, "The key of --tls-cert")
            ->type_name("FILE")
            ->check(CLI::ExistingFile.description(""));
        app_.footer(
            "Examples:\n  vserctl ports\n  vserctl attach vser0\n  vserctl -s lab7:50051 read vser0 --follow\n"
            "Exit status: 0 ok, 1 the server said no, 2 usage, 3 could not connect.");
        add_inventory_commands();
        add_byte_commands();
        add_line_commands();
    }

    ParseOutcome parse(std::vector<std::string> arguments) {
        ParseOutcome outcome;
        try {
            std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
            app_.parse(std::move(arguments));
            options_.tls = options_.tls || !options_.tls_ca_file.empty() || !options_.tls_certificate_file.empty();
            options_.server = checked(parse_server(options_.server));
            if (!words_.timeout.empty()) options_.timeout = checked(parse_duration(words_.timeout));
            if (options_.timeout == std::chrono::milliseconds{}) {
                throw CLI::ValidationError(
                    "--timeout: '" + words_.timeout + "' is no time at all: write 10s, for example",
                    CLI::ExitCodes::ValidationError);
            }
            for (auto& [subcommand, make] : makers_) {
                if (subcommand->parsed()) options_.command = make(words_);
            }
            outcome.options = std::move(options_);
        } catch (const CLI::Success& success) {
            std::ostringstream out;
            app_.exit(success, out, out);
            outcome.out = out.str();
        } catch (const CLI::ParseError& error) {
            outcome.exit_code = exit_usage;
            outcome.err = "vserctl: " + complaint(error) + "\nTry: vserctl " + command_name() + "--help\n";
        }
        return outcome;
    }

private:
    using Maker = Command (*)(const Words&);

    CLI::App* add(const char* name, const char* description, const char* examples, Maker make) {
        auto* command = app_.add_subcommand(name, description);
        command->footer(std::string("Examples:\n") + examples);
        makers_.emplace_back(command, make);
        return command;
    }

    void add_port(CLI::App* command) {
        command->add_option("PORT", words_.port, "The port's name")->required()->type_name("");
    }

    /// CLI11 says of a misspelt command that one is required.
    std::string complaint(const CLI::ParseError& error) const {
        if (!app_.get_subcommands().empty() || error.get_name() != "RequiredError") return error.what();
        std::string names;
        for (const auto& [command, make] : makers_) names += (names.empty() ? "" : ", ") + command->get_name();
        const auto unknown = app_.remaining();
        return (unknown.empty() ? "a command is required" : "'" + unknown.front() + "' is not a command") + ": " +
               names;
    }

    std::string command_name() const {
        const auto parsed = app_.get_subcommands();
        return parsed.empty() ? std::string() : parsed.front()->get_name() + " ";
    }

    void add_inventory_commands();
    void add_byte_commands();
    void add_attach();
    void add_line_commands();

    CLI::App app_;
    Options options_;
    Words words_;
    std::vector<std::pair<CLI::App*, Maker>> makers_;
};

void Parser::add_inventory_commands() {
    auto* ports = add("ports", "List the ports", "  vserctl ports\n  vserctl ports vser0 --json",
                      [](const Words& words) -> Command { return PortsCommand{words.ports}; });
    ports->add_option("PORT", words_.ports, "Only these")->type_name("");
    auto* watch = add("watch", "Show the state of the ports, then every change, until interrupted",
                      "  vserctl watch\n  vserctl watch vser0 vser1 --json",
                      [](const Words& words) -> Command { return WatchCommand{words.ports}; });
    watch->add_option("PORT", words_.ports, "Only these")->type_name("");
    add("info", "Show the server's version, engine and summary", "  vserctl info\n  vserctl info --json",
        [](const Words&) -> Command { return InfoCommand{}; });
    auto* health = add("health", "Ask the health service: of the server, or whether a port's device is open",
                       "  vserctl health\n  vserctl health vser0",
                       [](const Words& words) -> Command { return HealthCommand{words.port}; });
    health->add_option("PORT", words_.port, "Of this port")->type_name("");
}

void Parser::add_attach() {
    auto* attach = add("attach", "Open a port as a console; Ctrl-] ? shows its keys, Ctrl-] . leaves",
                       "  vserctl attach vser0\n  vserctl attach vser0 --read-only --from tail:4K\n"
                       "  printf 'version\\r' | vserctl attach vser0 --wait 2s",
                       [](const Words& words) -> Command {
                           AttachCommand command;
                           command.port = words.port;
                           command.from = words.from.empty() ? vser::client::StartPoint::live() : from_of(words);
                           command.read_only = words.read_only;
                           command.exclusive = words.exclusive;
                           command.quiet = words.quiet;
                           command.escape_key = checked(parse_escape_key(words.escape));
                           if (words.wait != "forever") command.wait = checked(parse_duration(words.wait));
                           return command;
                       });
    add_port(attach);
    attach->add_option("--from", words_.from, from_help)->type_name("WHERE");
    auto* read_only = attach->add_flag("--read-only", words_.read_only, "Do not send what is typed");
    attach->add_flag("--exclusive", words_.exclusive, "Nobody else may write meanwhile")->excludes(read_only);
    attach->add_option("--escape", words_.escape, "The key that begins a command: ^], ^A, ... or none")
        ->type_name("KEY");
    attach
        ->add_option("--wait", words_.wait,
                     "When stdin is no terminal: after its end, leave when the port was silent this long; or forever")
        ->type_name("DURATION");
    attach->add_flag("-q,--quiet", words_.quiet, "No messages about the connection and the device");
}

void Parser::add_byte_commands() {
    add_attach();
    auto* read = add("read", "Print what a port received",
                     "  vserctl read vser0\n  vserctl read vser0 --from tail:4K --follow\n  vserctl read vser0 --from "
                     "since:10m --json",
                     [](const Words& words) -> Command {
                         ReadCommand command;
                         command.port = words.port;
                         command.from = words.from.empty() ? vser::client::StartPoint::oldest() : from_of(words);
                         command.follow = words.follow;
                         if (!words.max_bytes.empty()) command.bytes_max = checked(parse_bytes(words.max_bytes));
                         command.events = words.events;
                         command.base64 = words.base64;
                         return command;
                     });
    add_port(read);
    read->add_option("--from", words_.from, from_help)->type_name("WHERE")->default_str("oldest");
    read->add_flag("-f,--follow", words_.follow, "Go on with what arrives; reconnects by itself");
    read->add_option("--max-bytes", words_.max_bytes, "End after this many")->type_name("BYTES");
    read->add_flag("--events", words_.events, "Tell of events too, on stderr");
    read->add_flag("--base64", words_.base64, "With --json: the bytes in base64 instead of text");

    auto* write =
        add("write", "Send text to a port; done when the server's queue has taken all of it",
            "  vserctl write vser0 -e 'reboot\\r'\n  vserctl write vser0 - < firmware.hex",
            [](const Words& words) -> Command {
                const bool from_stdin = words.from_stdin || words.text == "-";
                if (!from_stdin && words.text.empty())
                    throw CLI::ValidationError("TEXT is required: say what to send, or - for stdin",
                                               CLI::ExitCodes::RequiredError);
                if (words.from_stdin && !words.text.empty() && words.text != "-")
                    throw CLI::ValidationError("TEXT and --stdin exclude each other", CLI::ExitCodes::ExcludesError);
                return WriteCommand{words.port, words.escapes ? checked(unescape(words.text)) : words.text, from_stdin};
            });
    add_port(write);
    write->add_option("TEXT", words_.text, "What to send, as it is; - for stdin")->type_name("");
    write->add_flag("--stdin", words_.from_stdin, "Send stdin up to its end");
    write->add_flag("-e,--escapes", words_.escapes, "Resolve \\r \\n \\t \\e \\xHH and the like in TEXT");
}

void Parser::add_line_commands() {
    auto* baud = add("baud", "Show or set the speed", "  vserctl baud vser0\n  vserctl baud vser0 9600",
                     [](const Words& words) -> Command {
                         return BaudCommand{words.port, words.baud > 0 ? std::optional(words.baud) : std::nullopt};
                     });
    add_port(baud);
    baud->add_option("RATE", words_.baud, "Bits per second, any integer")
        ->type_name("")
        ->check(CLI::Range(1U, UINT32_MAX).description(""));

    auto* format = add("format", "Show or set the frame",
                       "  vserctl format vser0\n  vserctl format vser0 7E2\n  vserctl format vser0 8N1/rtscts",
                       [](const Words& words) -> Command {
                           FormatCommand command{words.port, {}};
                           if (!words.format.empty())
                               command.format = checked(vser::client::parse_format(words.format));
                           return command;
                       });
    add_port(format);
    format->add_option("FORMAT", words_.format, "Such as 8N1, 5N1.5, 7E2/none, 8N1/rtscts, 8N1/xonxoff")->type_name("");

    auto* signals =
        add("signals", "Show or set the modem wires", "  vserctl signals vser0\n  vserctl signals vser0 dtr=on rts=off",
            [](const Words& words) -> Command {
                return SignalsCommand{words.port, checked(parse_signal_change(words.wires))};
            });
    add_port(signals);
    signals->add_option("WIRE=STATE", words_.wires, "dtr=on, dtr=off, rts=on, rts=off")->type_name("");

    auto* send_break = add("break", "Send a break", "  vserctl break vser0\n  vserctl break vser0 --duration 500ms",
                           [](const Words& words) -> Command {
                               return BreakCommand{words.port, checked(parse_duration(words.duration))};
                           });
    add_port(send_break);
    send_break->add_option("--duration", words_.duration, "1ms to 5s")->type_name("DURATION")->capture_default_str();

    auto* flush = add("flush", "Throw away what is queued", "  vserctl flush vser0\n  vserctl flush vser0 output",
                      [](const Words& words) -> Command {
                          const auto direction = words.direction == "input"    ? FlushDirection::input
                                                 : words.direction == "output" ? FlushDirection::output
                                                                               : FlushDirection::both;
                          return FlushCommand{words.port, direction};
                      });
    add_port(flush);
    flush->add_option("DIRECTION", words_.direction, "input, output or both")
        ->type_name("")
        ->capture_default_str()
        ->check(CLI::IsMember({"input", "output", "both"}));
}

}  // namespace

ParseOutcome parse_command_line(std::vector<std::string> arguments) { return Parser().parse(std::move(arguments)); }

}  // namespace vserctl
