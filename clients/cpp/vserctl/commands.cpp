#include "vserctl/commands.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "vserctl/describe.hpp"
#include "vserctl/device_output.hpp"
#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/table.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace client = vser::client;
namespace {

/// Prints the JSON object or the line of text.
int show(bool json, const JsonObject& object, const std::string& plain) {
    put((json ? object.text() : plain) + "\n");
    return exit_ok;
}

Table::Cell state_cell(const client::Port& port) {
    if (port.state == client::State::online) return {"online", Colour::good};
    return {"offline", Colour::bad};
}

int write_stdin(const client::Client& client, const WriteCommand& command, const Options& options) {
    constexpr std::chrono::hours no_limit{24 * 365};
    const auto timeout = options.timeout.value_or(no_limit);
    client::WriteReceipt all;
    std::string buffer(std::size_t{256} << 10, '\0');
    for (;;) {
        const auto count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) {  // another process has made it non-blocking
            pollfd in{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
            ::poll(&in, 1, -1);
            continue;
        }
        if (count < 0) return print_error(std::string("cannot read stdin: ") + std::strerror(errno), options.json);
        if (count == 0) break;
        const auto receipt =
            client.write(command.port, std::string_view(buffer).substr(0, static_cast<std::size_t>(count)), timeout);
        if (!receipt) {
            auto error = receipt.error();
            client::add_bytes_taken(error, all.bytes_written);
            return print_error(error, options.json);
        }
        all = {all.bytes_written + receipt->bytes_written, receipt->tx_offset};
    }
    if (!options.json) return exit_ok;
    return show(true,
                JsonObject()
                    .field("port", command.port)
                    .field("bytes_written", all.bytes_written)
                    .field("tx_offset", all.tx_offset),
                {});
}

}  // namespace

int run_ports(const client::Client& client, const PortsCommand& command, bool json) {
    const auto ports = find_ports(client, command.choice);
    if (!ports) return print_error(ports.error(), json);
    if (json) {
        std::vector<JsonObject> list;
        for (const auto& port : *ports) list.push_back(to_json(port));
        return show(true, JsonObject().field("ports", list), {});
    }
    if (ports->empty()) {
        put_note(command.choice.labels ? "no port has these labels"
                                       : "no ports: the server has none, or its rules show you none");
    }
    Table table({"NAME", "STATE", "DEVICE", "BAUD", "FORMAT", "RECEIVED", "SENT", "READERS", "DESCRIPTION"});
    for (const auto& port : *ports) {
        auto note = printable(port.offline_reason.empty() ? port.description : port.offline_reason);
        const auto add = [&note](const std::string& more) { note += (note.empty() ? "" : "; ") + more; };
        if (port.role < client::Role::admin && port.role != client::Role::unspecified) {
            add(fmt::format("you may {}", to_string(port.role)));
        }
        if (port.held_by_flow_control) add("held by flow control");
        if (!port.labels.empty()) add(describe_labels(port.labels));
        if (!port.foreign_readers.empty()) add(describe_readers(port.foreign_readers));
        table.add({{printable(port.name), Colour::plain},
                   state_cell(port),
                   {printable(port.device), Colour::plain},
                   {std::to_string(port.baud), Colour::plain},
                   {to_string(port.format), Colour::plain},
                   {human_bytes(port.stats.rx_bytes), Colour::plain},
                   {human_bytes(port.stats.tx_bytes), Colour::plain},
                   {std::to_string(port.readers), Colour::plain},
                   {note, Colour::dim}});
    }
    put(table.text(stdout_wants_colour()));
    return exit_ok;
}

int run_info(const client::Client& client, const Options& options) {
    const auto info = client.server_info();
    if (!info) return print_error(info.error(), options.json);
    if (options.json) return show(true, to_json(*info), {});
    auto out =
        fmt::format("vserd {} at {}\nengine   {}\n", printable(info->version), options.server, printable(info->engine));
    for (const auto& refusal : info->refusals) {
        out += fmt::format("         not {}: {}\n", printable(refusal.engine), printable(refusal.reason));
    }
    out += fmt::format("uptime   {}\nports    {} of {} up\nreaders  {}\n", human_duration(info->uptime), info->ports_up,
                       info->ports_total, info->readers);
    put(out);
    return exit_ok;
}

/// The health service does not say which ports there are.
static client::Error health_error(const client::Client& client, const std::string& port, const client::Error& error) {
    if (port.empty() || error.code != client::Code::not_found) return error;
    const auto found = client.get_port(port);
    return found ? error : found.error();
}

int run_health(const client::Client& client, const HealthCommand& command, bool json) {
    const auto serving = client.serving(command.port);
    if (!serving) return print_error(health_error(client, command.port, serving.error()), json);
    show(json, JsonObject().field("port", command.port).field("serving", *serving),
         *serving ? "serving" : "not serving");
    return *serving ? exit_ok : exit_refused;
}

int run_write(const client::Client& client, const WriteCommand& command, const Options& options) {
    if (command.from_stdin) return write_stdin(client, command, options);
    const auto receipt = options.timeout ? client.write(command.port, command.bytes, *options.timeout)
                                         : client.write(command.port, command.bytes);
    if (!receipt) return print_error(receipt.error(), options.json);
    if (!options.json) return exit_ok;
    return show(true,
                JsonObject()
                    .field("port", command.port)
                    .field("bytes_written", receipt->bytes_written)
                    .field("tx_offset", receipt->tx_offset),
                {});
}

int run_baud(const client::Client& client, const BaudCommand& command, bool json) {
    const auto baud = command.baud ? client.set_baud(command.port, *command.baud) : client.baud(command.port);
    if (!baud) return print_error(baud.error(), json);
    return show(json, JsonObject().field("port", command.port).field("baud", std::uint64_t{*baud}),
                std::to_string(*baud));
}

int run_format(const client::Client& client, const FormatCommand& command, bool json) {
    const auto format = command.format ? client.set_format(command.port, *command.format) : client.format(command.port);
    if (!format) return print_error(format.error(), json);
    return show(json, JsonObject().field("port", command.port).field("format", to_json(*format)), to_string(*format));
}

int run_signals(const client::Client& client, const SignalsCommand& command, bool json) {
    const bool change = command.change.dtr || command.change.rts;
    const auto signals = change ? client.set_signals(command.port, command.change) : client.signals(command.port);
    if (!signals) return print_error(signals.error(), json);
    return show(json, JsonObject().field("port", command.port).field("signals", to_json(*signals)), describe(*signals));
}

int run_break(const client::Client& client, const BreakCommand& command, bool json) {
    const auto done = client.send_break(command.port, command.duration);
    if (!done) return print_error(done.error(), json);
    const auto milliseconds = static_cast<std::uint64_t>(command.duration.count());
    if (!json) return exit_ok;
    return show(true, JsonObject().field("port", command.port).field("duration_ms", milliseconds), {});
}

int run_flush(const client::Client& client, const FlushCommand& command, bool json) {
    const auto discarded = client.flush(command.port, command.direction);
    if (!discarded) return print_error(discarded.error(), json);
    if (!json && *discarded == 0) return exit_ok;
    return show(json, JsonObject().field("port", command.port).field("output_bytes_discarded", *discarded),
                fmt::format("{} bytes were discarded before they were sent", *discarded));
}

std::string watch_line(const client::PortEvent& event, const std::string& bridge) {
    static const bool colour = stdout_wants_colour();
    const auto& port = event.port;
    const auto state = state_cell(port);
    auto what = event.removed ? std::string("removed from the configuration")
                : event.event ? describe(*event.event)
                              : fmt::format("{} {}, {}", port.baud, to_string(port.format), printable(port.device));
    if (!event.event && !port.offline_reason.empty()) what += ": " + printable(port.offline_reason);
    if (event.events_lost > 0) what += fmt::format(" ({} events before this one are lost)", event.events_lost);
    return fmt::format("{}  {}{}  {}  {}\n", coloured(rfc3339(event.time), Colour::dim, colour),
                       bridge.empty() ? "" : bridge + "  ", printable(port.name),
                       coloured(state.text, state.colour, colour), what);
}

int run_watch(const client::Client& client, const WatchCommand& command, bool json) {
    auto stream = client.watch(command.ports);
    while (const auto event = stream.next()) put(json ? to_json(*event).text() + "\n" : watch_line(*event));
    const auto error = stream.error();
    return error ? print_error(*error, json) : exit_ok;
}

namespace {

/// Uses a console, because it reconnects automatically.
int follow(const client::Client& client, const ReadCommand& command, const Options& options, ItemPrinter& printer) {
    client::ConsoleOptions wanted;
    wanted.from = command.from;
    wanted.mode = client::Mode::read_only;
    wanted.client = "vserctl read";
    wanted.find = options.find_owner;
    auto console = client.attach(command.port, std::move(wanted));
    if (!console) return print_error(console.error(), options.json);
    auto left = command.bytes_max;
    while (auto item = console->next()) {
        if (auto* data = std::get_if<client::Data>(&*item); data != nullptr && command.bytes_max > 0) {
            data->bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(data->bytes.size(), left)));
            left -= data->bytes.size();
        }
        printer.print(*item);
        if (command.bytes_max > 0 && left == 0) break;
    }
    printer.finish();
    const auto error = console->error();
    return error ? print_error(*error, options.json) : exit_ok;
}

}  // namespace

int run_read(const client::Client& client, const ReadCommand& command, const Options& options) {
    const bool json = options.json;
    DeviceOutput out;
    ItemPrinter printer([&out](std::string_view bytes) { out.show(bytes); }, json, command.base64, command.events);
    if (command.follow) return follow(client, command, options, printer);
    auto stream = client.read(command.port, {.from = command.from, .follow = false, .bytes_max = command.bytes_max});
    while (auto item = stream.next()) {
        std::visit([&printer](auto& one) { printer.print(client::ConsoleItem(std::move(one))); }, *item);
    }
    printer.finish();
    const auto error = stream.error();
    return error ? print_error(*error, json) : exit_ok;
}

}  // namespace vserctl
