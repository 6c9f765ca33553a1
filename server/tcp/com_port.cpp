#include "tcp/com_port.hpp"

#include <array>

#include "tcp/telnet_codec.hpp"

namespace vserd::tcp {
namespace {

using line::FlowControl;
using line::Parity;
using line::StopBits;

constexpr std::uint8_t reply_offset = 100;
constexpr std::size_t baudrate_bytes = 4;

/// In the order of the values of RFC 2217, from 1.
constexpr std::array parities{Parity::none, Parity::odd, Parity::even, Parity::mark, Parity::space};
constexpr std::array stop_sizes{StopBits::one, StopBits::two, StopBits::one_and_half};
constexpr std::array flow_controls{FlowControl::none, FlowControl::xon_xoff, FlowControl::rts_cts};

template <class Values>
auto value_at(const Values& values, std::uint32_t number) {
    using Value = typename Values::value_type;
    return number >= 1 && number <= values.size() ? std::optional<Value>(values[number - 1]) : std::nullopt;
}

template <class Values>
std::uint32_t number_of(const Values& values, typename Values::value_type value) {
    std::uint32_t number = 1;
    for (const auto each : values) {
        if (each == value) return number;
        ++number;
    }
    return 0;
}

/// Bytes of the value that a client sends.
std::size_t value_bytes(ComPortCode code) {
    switch (code) {
        case ComPortCode::set_baudrate: return baudrate_bytes;
        case ComPortCode::flowcontrol_suspend:
        case ComPortCode::flowcontrol_resume: return 0;
        default: return 1;
    }
}

void append_escaped(std::string& out, std::uint8_t byte) {
    out += static_cast<char>(byte);
    if (byte == telnet::iac) out += static_cast<char>(byte);
}

void begin(std::string& out, ComPortCode code) {
    out += static_cast<char>(telnet::iac);
    out += static_cast<char>(telnet::sb);
    out += static_cast<char>(telnet::option_com_port);
    out += static_cast<char>(static_cast<std::uint8_t>(code) + reply_offset);
}

void end(std::string& out) {
    out += static_cast<char>(telnet::iac);
    out += static_cast<char>(telnet::se);
}

}  // namespace

std::optional<ComPortCommand> parse_com_port(std::span<const std::byte> content) {
    if (content.empty()) return std::nullopt;
    const auto number = std::to_integer<std::uint8_t>(content[0]);
    if (number > static_cast<std::uint8_t>(ComPortCode::purge_data)) return std::nullopt;
    ComPortCommand command;
    command.code = static_cast<ComPortCode>(number);
    const auto value = content.subspan(1);
    if (command.code == ComPortCode::signature) {
        command.has_text = !value.empty();
        return command;
    }
    const bool asks_state =
        command.code == ComPortCode::notify_linestate || command.code == ComPortCode::notify_modemstate;
    if (asks_state && value.empty()) return command;  // pyserial asks so
    if (value.size() != value_bytes(command.code)) return std::nullopt;
    for (const std::byte byte : value) command.value = command.value << 8U | std::to_integer<std::uint32_t>(byte);
    return command;
}

std::optional<line::SettingsChange> settings_change(const ComPortCommand& command) {
    line::SettingsChange change;
    bool known = false;
    switch (command.code) {
        case ComPortCode::set_baudrate:
            change.baud = command.value;
            known = command.value != 0;
            break;
        case ComPortCode::set_datasize:
            change.data_bits = static_cast<std::uint8_t>(command.value);
            known = command.value >= 5 && command.value <= 8;
            break;
        case ComPortCode::set_parity:
            change.parity = value_at(parities, command.value);
            known = change.parity.has_value();
            break;
        case ComPortCode::set_stopsize:
            change.stop_bits = value_at(stop_sizes, command.value);
            known = change.stop_bits.has_value();
            break;
        case ComPortCode::set_control:
            change.flow_control = value_at(flow_controls, command.value);
            known = change.flow_control.has_value();
            break;
        default: break;
    }
    return known ? std::optional(change) : std::nullopt;
}

std::uint32_t value_in_force(ComPortCode code, const line::Settings& settings, bool inbound) {
    switch (code) {
        case ComPortCode::set_baudrate: return settings.baud;
        case ComPortCode::set_datasize: return settings.format.data_bits;
        case ComPortCode::set_parity: return number_of(parities, settings.format.parity);
        case ComPortCode::set_stopsize: return number_of(stop_sizes, settings.format.stop_bits);
        default: break;
    }
    const std::uint32_t flow = number_of(flow_controls, settings.format.flow_control);
    return inbound ? flow - control::flow_none + control::inbound_flow_none : flow;
}

void append_com_port(std::string& out, ComPortCode code, std::uint32_t value) {
    begin(out, code);
    for (std::size_t i = value_bytes(code); i > 0; --i)
        append_escaped(out, static_cast<std::uint8_t>(value >> 8U * (i - 1)));
    end(out);
}

void append_com_port_signature(std::string& out, std::string_view text) {
    begin(out, ComPortCode::signature);
    for (const char letter : text) append_escaped(out, static_cast<std::uint8_t>(letter));
    end(out);
}

std::uint8_t modem_state(const line::Signals& now) {
    return static_cast<std::uint8_t>((now.dcd ? 0x80 : 0) | (now.ri ? 0x40 : 0) | (now.dsr ? 0x20 : 0) |
                                     (now.cts ? 0x10 : 0));
}

std::uint8_t modem_state(const line::Signals& now, const line::Signals& before) {
    // RI counts when it ends, as UARTs have it.
    const int changes = (now.dcd != before.dcd ? 0x08 : 0) | (before.ri && !now.ri ? 0x04 : 0) |
                        (now.dsr != before.dsr ? 0x02 : 0) | (now.cts != before.cts ? 0x01 : 0);
    return static_cast<std::uint8_t>(modem_state(now) | changes);
}

std::uint8_t line_state(const line::LineErrors& errors) {
    return static_cast<std::uint8_t>((errors.breaks > 0 ? 0x10 : 0) | (errors.frame > 0 ? 0x08 : 0) |
                                     (errors.parity > 0 ? 0x04 : 0) | (errors.overrun > 0 ? 0x02 : 0));
}

}  // namespace vserd::tcp
