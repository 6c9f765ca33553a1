#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "line/settings.hpp"

namespace vserd::tcp {

/// The sub-commands of RFC 2217, as clients number them. The server's have 100 added.
enum class ComPortCode : std::uint8_t {
    signature = 0,
    set_baudrate = 1,
    set_datasize = 2,
    set_parity = 3,
    set_stopsize = 4,
    set_control = 5,
    notify_linestate = 6,
    notify_modemstate = 7,
    flowcontrol_suspend = 8,
    flowcontrol_resume = 9,
    set_linestate_mask = 10,
    set_modemstate_mask = 11,
    purge_data = 12,
};

/// The values of SET-CONTROL.
namespace control {
inline constexpr std::uint8_t query_flow = 0;
inline constexpr std::uint8_t flow_none = 1;
inline constexpr std::uint8_t flow_xon_xoff = 2;
inline constexpr std::uint8_t flow_hardware = 3;
inline constexpr std::uint8_t query_break = 4;
inline constexpr std::uint8_t break_on = 5;
inline constexpr std::uint8_t break_off = 6;
inline constexpr std::uint8_t query_dtr = 7;
inline constexpr std::uint8_t dtr_on = 8;
inline constexpr std::uint8_t dtr_off = 9;
inline constexpr std::uint8_t query_rts = 10;
inline constexpr std::uint8_t rts_on = 11;
inline constexpr std::uint8_t rts_off = 12;
inline constexpr std::uint8_t query_inbound_flow = 13;
inline constexpr std::uint8_t inbound_flow_none = 14;
inline constexpr std::uint8_t inbound_flow_hardware = 16;
inline constexpr std::uint8_t inbound_flow_dtr = 18;
}  // namespace control

/// The values of PURGE-DATA.
inline constexpr std::uint8_t purge_received = 1;
inline constexpr std::uint8_t purge_transmitted = 2;
inline constexpr std::uint8_t purge_both = 3;

struct ComPortCommand {
    ComPortCode code = ComPortCode::signature;
    std::uint32_t value = 0;
    bool has_text = false;  ///< a SIGNATURE that names the client, and is no request

    friend bool operator==(const ComPortCommand&, const ComPortCommand&) = default;
};

/// Parses the content of a COM-PORT sub-negotiation. Returns nothing if the command is unknown or its length is wrong.
std::optional<ComPortCommand> parse_com_port(std::span<const std::byte> content);

/// The change that SET-BAUDRATE, SET-DATASIZE, SET-PARITY, SET-STOPSIZE or the outbound flow control of SET-CONTROL requests.
/// Returns nothing for a query, and for a value that RFC 2217 does not define.
std::optional<line::SettingsChange> settings_change(const ComPortCommand& command);
/// The value of such a command for these settings. `inbound`: return SET-CONTROL's number for inbound flow control.
std::uint32_t value_in_force(ComPortCode code, const line::Settings& settings, bool inbound = false);

/// Appends the server's sub-command with a value of the command's length.
void append_com_port(std::string& out, ComPortCode code, std::uint32_t value);
void append_com_port_signature(std::string& out, std::string_view text);

/// The upper half of NOTIFY-MODEMSTATE, and with `before` the changes since then in its lower half.
std::uint8_t modem_state(const line::Signals& now);
std::uint8_t modem_state(const line::Signals& now, const line::Signals& before);
/// NOTIFY-LINESTATE for errors that were counted.
std::uint8_t line_state(const line::LineErrors& errors);
inline constexpr std::uint8_t line_state_idle = 0x60;  ///< the transmitter is empty

}  // namespace vserd::tcp
