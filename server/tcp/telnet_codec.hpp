#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "tcp/telnet_option.hpp"

namespace vserd::tcp {

/// The codes of RFC 854 that vserd sends or acts on.
namespace telnet {
inline constexpr std::uint8_t se = 240;
inline constexpr std::uint8_t brk = 243;
inline constexpr std::uint8_t are_you_there = 246;
inline constexpr std::uint8_t sb = 250;
inline constexpr std::uint8_t will = 251;
inline constexpr std::uint8_t wont = 252;
inline constexpr std::uint8_t do_it = 253;
inline constexpr std::uint8_t dont = 254;
inline constexpr std::uint8_t iac = 255;

inline constexpr std::uint8_t option_binary = 0;             ///< RFC 856
inline constexpr std::uint8_t option_echo = 1;               ///< RFC 857
inline constexpr std::uint8_t option_suppress_go_ahead = 3;  ///< RFC 858
inline constexpr std::uint8_t option_com_port = 44;          ///< RFC 2217
}  // namespace telnet

/// A longer sub-negotiation is discarded. The option's byte counts; a doubled IAC counts as one byte.
inline constexpr std::size_t subnegotiation_bytes_max = 256;

/// Bytes for the device. They refer to the input.
struct TelnetData {
    std::span<const std::byte> bytes;
};
struct TelnetBreak {};
struct TelnetAreYouThere {};
/// Valid until the codec's next call.
struct TelnetSubnegotiation {
    std::uint8_t option = 0;
    std::span<const std::byte> content;
};
using TelnetInput = std::variant<TelnetData, TelnetBreak, TelnetAreYouThere, TelnetSubnegotiation>;

/// The server's side of a telnet connection: RFC 854 and 855 with the options BINARY, ECHO, SUPPRESS-GO-AHEAD and, if asked
/// for, COM-PORT. Bytes in; bytes, commands and answers out. No sockets and no ports.
///
/// Until a peer agrees to BINARY, the codec uses the network virtual terminal's line ends: CR NUL means CR. For a peer of
/// RFC 2217 it assumes BINARY until the peer refuses, because such clients send device bytes whether they ask or not.
class TelnetCodec {
public:
    explicit TelnetCodec(bool com_port) : com_port_(com_port) {}

    /// Appends the options that the server asks for.
    void start(std::string& out);

    /// Takes the next item from the front of `input`. Returns nothing when all of it is consumed. Appends answers to option
    /// requests to `out`.
    std::optional<TelnetInput> next(std::span<const std::byte>& input, std::string& out);

    /// Whether these bytes must go through encode(). Otherwise they may be sent as they are.
    bool needs_encoding(std::span<const std::byte> bytes) const noexcept;
    /// Appends the device's bytes, encoded for the peer.
    void encode(std::span<const std::byte> bytes, std::string& out);

    bool receives_binary() const noexcept { return binary(his_[binary_slot]); }
    bool sends_binary() const noexcept { return binary(ours_[binary_slot]); }
    /// The peer wants to use RFC 2217.
    bool com_port_on() const noexcept { return his_[com_port_slot].on() || ours_[com_port_slot].on(); }
    /// Sub-negotiations that were discarded because of their length.
    std::uint64_t oversized() const noexcept { return oversized_; }

private:
    enum class State : std::uint8_t { data, after_cr, command, option, subnegotiation, subnegotiation_command };
    static constexpr std::size_t binary_slot = 0;
    static constexpr std::size_t com_port_slot = 3;
    static constexpr std::size_t slots = 4;

    bool binary(const TelnetOption& side) const noexcept { return side.on() || (com_port_ && !side.refused()); }
    std::span<const std::byte> take_data(std::span<const std::byte>& input);
    std::optional<TelnetInput> step(std::uint8_t byte, std::string& out);
    std::optional<TelnetInput> command(std::uint8_t byte);
    void negotiate(std::uint8_t option, std::string& out);
    void collect(std::uint8_t byte);
    std::optional<TelnetInput> end_subnegotiation();

    bool com_port_;
    State state_ = State::data;
    std::uint8_t verb_ = 0;  ///< WILL, WONT, DO or DONT, whose option comes next
    std::array<TelnetOption, slots> ours_{TelnetOption(true), TelnetOption(true), TelnetOption(true),
                                          TelnetOption(com_port_)};
    /// The peer must not echo what the device sends.
    std::array<TelnetOption, slots> his_{TelnetOption(true), TelnetOption(false), TelnetOption(true),
                                         TelnetOption(com_port_)};
    std::array<std::byte, subnegotiation_bytes_max> content_{};
    std::size_t content_size_ = 0;
    bool overlong_ = false;
    bool sent_cr_ = false;  ///< the last byte encoded was a CR, and its second byte was not yet
    std::uint64_t oversized_ = 0;
};

}  // namespace vserd::tcp
