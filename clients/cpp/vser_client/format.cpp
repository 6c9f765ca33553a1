#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "vser_client/types.hpp"

namespace vser::client {
namespace {

// Index = the enumeration's number.
constexpr std::string_view parity_letters = "?NOEMS";
constexpr std::array<std::string_view, 4> stop_bits_texts{"?", "1", "1.5", "2"};
constexpr std::array<std::string_view, 4> flow_control_texts{"?", "none", "rtscts", "xonxoff"};

Error bad_format(std::string_view text) {
    return {.code = Code::invalid_argument,
            .message = "'" + std::string(text) +
                       "' is not a format: write data bits (5-8), parity (N, O, E, M, S) and stop bits (1, 1.5, 2), "
                       "then /none, /rtscts or /xonxoff to change the flow control; for example 8N1 or 7E2/rtscts"};
}

template <std::size_t N>
std::size_t index_of(const std::array<std::string_view, N>& texts, std::string_view text) {
    for (std::size_t i = 1; i < N; ++i) {
        if (texts[i] == text) return i;
    }
    return 0;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

}  // namespace

Result<Format> parse_format(std::string_view text) {
    const auto slash = text.find('/');
    const auto frame = text.substr(0, slash);
    if (frame.size() < 3 || frame[0] < '5' || frame[0] > '8') return bad_format(text);
    const auto parity = parity_letters.find(static_cast<char>(std::toupper(static_cast<unsigned char>(frame[1]))));
    const auto stop_bits = index_of(stop_bits_texts, frame.substr(2));
    if (parity == std::string_view::npos || parity == 0 || stop_bits == 0) return bad_format(text);

    Format format{.data_bits = static_cast<std::uint32_t>(frame[0] - '0'),
                  .parity = static_cast<Parity>(parity),
                  .stop_bits = static_cast<StopBits>(stop_bits),
                  .flow_control = FlowControl::unspecified};
    if (slash != std::string_view::npos) {
        const auto flow_control = index_of(flow_control_texts, lower(text.substr(slash + 1)));
        if (flow_control == 0) return bad_format(text);
        format.flow_control = static_cast<FlowControl>(flow_control);
    }
    return format;
}

std::string to_string(Role role) {
    switch (role) {
        case Role::unspecified: break;
        case Role::list: return "list";
        case Role::read: return "read";
        case Role::write: return "write";
        case Role::control: return "control";
        case Role::admin: return "admin";
    }
    return {};
}

std::string to_string(const Format& format) {
    const auto parity = static_cast<std::size_t>(format.parity);
    const auto stop_bits = static_cast<std::size_t>(format.stop_bits);
    std::string out = format.data_bits == 0 ? "?" : std::to_string(format.data_bits);
    out += parity < parity_letters.size() ? parity_letters[parity] : '?';
    out += stop_bits < stop_bits_texts.size() ? stop_bits_texts[stop_bits] : "?";
    if (format.flow_control == FlowControl::rts_cts) out += "/rtscts";
    if (format.flow_control == FlowControl::xon_xoff) out += "/xonxoff";
    return out;
}

}  // namespace vser::client
