#include "vserctl/byte_options.hpp"

#include <CLI/CLI.hpp>

#include "vserctl/parse.hpp"
#include "vserctl/usage.hpp"

namespace vserctl {
namespace {

using vser::client::StartPoint;

constexpr const char* from_help =
    "Where to start: oldest, live, OFFSET, tail:BYTES or since:TIME (2026-11-22T01:02:03Z, or an age: 10m)";

void add_start(CLI::App& command, RawArguments& arguments, const char* usual) {
    auto* from = command.add_option("--from", arguments.from, from_help)->type_name("WHERE")->default_str(usual);
    command.add_option("--since", arguments.since, "The same as --from since:TIME")->type_name("TIME")->excludes(from);
}

StartPoint start_of(const RawArguments& arguments, StartPoint usual) {
    if (arguments.since) return checked(parse_from("since:" + *arguments.since), "--since");
    return arguments.from ? checked(parse_from(*arguments.from), "--from") : usual;
}

AttachCommand attach_of(const RawArguments& arguments) {
    AttachCommand command;
    command.port = arguments.port;
    command.from = start_of(arguments, StartPoint::live());
    command.read_only = arguments.read_only;
    command.exclusive = arguments.exclusive;
    command.quiet = arguments.quiet;
    command.escape_key = checked(parse_escape_key(arguments.escape), "--escape");
    if (arguments.wait != "forever") command.wait = checked(parse_duration(arguments.wait), "--wait");
    return command;
}

ReadCommand read_of(const RawArguments& arguments) {
    ReadCommand command;
    command.port = arguments.port;
    command.from = start_of(arguments, StartPoint::oldest());
    command.follow = arguments.follow;
    if (arguments.max_bytes) command.bytes_max = checked(parse_bytes(*arguments.max_bytes), "--max-bytes");
    command.events = arguments.events;
    command.base64 = arguments.base64;
    if (command.base64 && !arguments.json)
        refuse("--base64 requires --json; without --json the bytes are printed unchanged");
    return command;
}

WriteCommand write_of(const RawArguments& arguments) {
    const bool from_stdin = arguments.from_stdin || arguments.text == "-";
    if (!from_stdin && arguments.text.empty()) refuse("TEXT is required: the text to send, or - for stdin");
    if (arguments.from_stdin && !arguments.text.empty() && arguments.text != "-")
        refuse("TEXT and --stdin exclude each other");
    return {arguments.port, arguments.escapes ? checked(unescape(arguments.text), "-e") : arguments.text, from_stdin};
}

void add_attach(CommandSet& commands) {
    auto& arguments = commands.arguments();
    auto* attach = commands.add("attach", "Open a port as a console; Ctrl-] ? shows its keys, Ctrl-] . leaves",
                                "  vserctl attach vser0\n  vserctl attach vser0 --read-only --from tail:4K\n"
                                "  printf 'version\\r' | vserctl attach vser0 --wait 2s",
                                [](const RawArguments& raw) -> Command { return attach_of(raw); });
    commands.add_port(attach);
    add_start(*attach, arguments, "live");
    auto* read_only = attach->add_flag("--read-only", arguments.read_only, "Do not send input");
    attach->add_flag("--exclusive", arguments.exclusive, "Prevent other clients from writing meanwhile")
        ->excludes(read_only);
    attach->add_option("--escape", arguments.escape, "The key that begins a command: ^], ^A, ... or none")
        ->type_name("KEY");
    attach
        ->add_option("--wait", arguments.wait,
                     "If stdin is not a terminal: after its end, exit when the port was silent this long; or forever")
        ->type_name("DURATION");
    attach->add_flag("-q,--quiet", arguments.quiet, "No messages about the connection and the device");
}

void add_read(CommandSet& commands) {
    auto& arguments = commands.arguments();
    auto* read = commands.add(
        "read", "Print what a port received",
        "  vserctl read vser0\n  vserctl read vser0 --from tail:4K --follow\n  vserctl read vser0 --since 10m --json",
        [](const RawArguments& raw) -> Command { return read_of(raw); });
    commands.add_port(read);
    add_start(*read, arguments, "oldest");
    read->add_flag("-f,--follow", arguments.follow, "Continue with new bytes; reconnect automatically");
    read->add_option("--max-bytes", arguments.max_bytes, "Stop after this many bytes")->type_name("BYTES");
    read->add_flag("--events", arguments.events, "Also print events, on stderr");
    read->add_flag("--base64", arguments.base64, "With --json: print bytes in base64 instead of text");
}

void add_write(CommandSet& commands) {
    auto& arguments = commands.arguments();
    auto* write = commands.add("write", "Send text to a port; return when the server's queue has accepted all of it",
                               "  vserctl write vser0 -e 'reboot\\r'\n  vserctl write vser0 - < firmware.hex",
                               [](const RawArguments& raw) -> Command { return write_of(raw); });
    commands.add_port(write);
    write->add_option("TEXT", arguments.text, "The text to send; - for stdin")->type_name("");
    write->add_flag("--stdin", arguments.from_stdin, "Send stdin up to its end");
    write->add_flag("-e,--escapes", arguments.escapes, "Interpret \\r \\n \\t \\e \\xHH and similar in TEXT");
}

}  // namespace

void add_byte_commands(CommandSet& commands) {
    add_attach(commands);
    commands.add("ssh", "Serve one session of an SSH client: the ForceCommand of sshd (see /usr/share/doc/vserd-ssh)",
                 "  ForceCommand /usr/bin/vserctl --server unix:/run/vserd/vserd.sock ssh",
                 [](const RawArguments&) -> Command { return SshCommand{}; });
    add_read(commands);
    add_write(commands);
}

}  // namespace vserctl
