#include "vserctl/line_options.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>

#include "vserctl/parse.hpp"
#include "vserctl/usage.hpp"

namespace vserctl {
namespace {

using vser::client::FlushDirection;

constexpr std::chrono::milliseconds break_min{1};
constexpr std::chrono::milliseconds break_max{5000};  // the server's limits

FormatCommand format_of(const RawArguments& arguments) {
    FormatCommand command{arguments.port, {}};
    if (arguments.format) command.format = checked(vser::client::parse_format(*arguments.format));
    return command;
}

BreakCommand break_of(const RawArguments& arguments) {
    const auto duration = checked(parse_duration(arguments.duration), "--duration");
    if (duration < break_min || duration > break_max)
        refuse(fmt::format("--duration: '{}' must be from 1ms to 5s; a number without a unit means seconds",
                           arguments.duration));
    return {arguments.port, duration};
}

FlushCommand flush_of(const RawArguments& arguments) {
    const auto direction = arguments.direction == "input"    ? FlushDirection::input
                           : arguments.direction == "output" ? FlushDirection::output
                                                             : FlushDirection::both;
    return {arguments.port, direction};
}

void add_baud(CommandSet& commands) {
    auto* baud = commands.add("baud", "Show or set the speed", "  vserctl baud vser0\n  vserctl baud vser0 9600",
                              [](const RawArguments& raw) -> Command {
                                  return BaudCommand{raw.port, raw.baud > 0 ? std::optional(raw.baud) : std::nullopt};
                              });
    commands.add_port(baud);
    baud->add_option("RATE", commands.arguments().baud, "Bits per second, any integer")
        ->type_name("")
        ->check(whole_number(1, UINT32_MAX));
}

void add_format(CommandSet& commands) {
    auto* format = commands.add("format", "Show or set the format of a character and the flow control",
                                "  vserctl format vser0\n  vserctl format vser0 7E2\n  vserctl format vser0 8N1/rtscts",
                                [](const RawArguments& raw) -> Command { return format_of(raw); });
    commands.add_port(format);
    format->add_option("FORMAT", commands.arguments().format, "Such as 8N1, 5N1.5, 7E2/none, 8N1/rtscts, 8N1/xonxoff")
        ->type_name("");
}

void add_signals(CommandSet& commands) {
    auto* signals = commands.add("signals", "Show or set the modem lines",
                                 "  vserctl signals vser0\n  vserctl signals vser0 dtr=on rts=off",
                                 [](const RawArguments& raw) -> Command {
                                     return SignalsCommand{raw.port, checked(parse_signal_change(raw.modem_lines))};
                                 });
    commands.add_port(signals);
    signals->add_option("LINE=STATE", commands.arguments().modem_lines, "dtr=on, dtr=off, rts=on, rts=off")
        ->type_name("");
}

void add_break(CommandSet& commands) {
    auto* send_break =
        commands.add("break", "Send a break", "  vserctl break vser0\n  vserctl break vser0 --duration 500ms",
                     [](const RawArguments& raw) -> Command { return break_of(raw); });
    commands.add_port(send_break);
    send_break->add_option("--duration", commands.arguments().duration, "1ms to 5s")
        ->type_name("DURATION")
        ->capture_default_str();
}

void add_yield(CommandSet& commands) {
    auto& arguments = commands.arguments();
    auto* yield = commands.add("yield", "Run a command that needs the device itself; vserd closes it meanwhile",
                               "  vserctl yield vser0 -- esptool.py --port {device} write_flash 0 firmware.bin\n"
                               "  vserctl yield vser0 -- picocom -b 115200 {device}",
                               [](const RawArguments& raw) -> Command {
                                   return YieldCommand{raw.port, raw.words, raw.reason};
                               });
    commands.add_port(yield);
    yield->add_option("--reason", arguments.reason, "What other clients see (default: the name of the program)")
        ->type_name("TEXT");
    yield
        ->add_option("COMMAND", arguments.words,
                     "After --: the command and its arguments; {device} is the device's path")
        ->required()
        ->type_name("");
}

void add_flush(CommandSet& commands) {
    auto* flush = commands.add("flush", "Discard queued bytes", "  vserctl flush vser0\n  vserctl flush vser0 output",
                               [](const RawArguments& raw) -> Command { return flush_of(raw); });
    commands.add_port(flush);
    flush->add_option("DIRECTION", commands.arguments().direction, "input, output or both")
        ->type_name("")
        ->capture_default_str()
        ->check(one_of({"input", "output", "both"}));
}

}  // namespace

void add_line_commands(CommandSet& commands) {
    add_baud(commands);
    add_format(commands);
    add_signals(commands);
    add_break(commands);
    add_yield(commands);
    add_flush(commands);
}

}  // namespace vserctl
