#include "line/settings.hpp"

#include <fmt/core.h>

#include <cctype>

namespace vserd::line {
namespace {

constexpr std::string_view format_grammar =
    "data bits 5-8, parity N, O, E, M or S, stop bits 1, 1.5 or 2, then optionally /rtscts or /xonxoff: 8N1, "
    "7E2/rtscts";

Error invalid(std::string subject, std::string message) {
    return Error{Failure::invalid_argument, 0, std::move(subject), std::move(message)};
}

Error bad_format(std::string_view text) {
    return invalid("format", fmt::format("'{}' is not a format; write {}", text, format_grammar));
}

std::optional<Parity> parity_of(char letter) {
    switch (std::toupper(static_cast<unsigned char>(letter))) {
        case 'N': return Parity::none;
        case 'O': return Parity::odd;
        case 'E': return Parity::even;
        case 'M': return Parity::mark;
        case 'S': return Parity::space;
        default: return std::nullopt;
    }
}

char letter_of(Parity parity) noexcept {
    constexpr std::string_view letters = "NOEMS";
    return letters[static_cast<std::size_t>(parity)];
}

std::optional<StopBits> stop_bits_of(std::string_view text) {
    if (text == "1") return StopBits::one;
    if (text == "1.5") return StopBits::one_and_half;
    if (text == "2") return StopBits::two;
    return std::nullopt;
}

std::optional<FlowControl> flow_control_of(std::string_view suffix) {
    std::string lower;
    for (const char c : suffix) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower.empty()) return FlowControl::none;
    if (lower == "/rtscts") return FlowControl::rts_cts;
    if (lower == "/xonxoff") return FlowControl::xon_xoff;
    return std::nullopt;
}

}  // namespace

Result<ValidSettings> ValidSettings::of(const Settings& settings) {
    const Format& format = settings.format;
    if (settings.baud == 0) return invalid("baud", "baud must be at least 1; speed 0 would hang up the line");
    if (format.data_bits < 5 || format.data_bits > 8) {
        return invalid("format.data_bits", fmt::format("data bits must be 5 to 8, not {}", format.data_bits));
    }
    if (format.parity > Parity::space) return invalid("format.parity", "parity must be none, odd, even, mark or space");
    if (format.stop_bits > StopBits::two) return invalid("format.stop_bits", "stop bits must be 1, 1.5 or 2");
    if (format.flow_control > FlowControl::xon_xoff) {
        return invalid("format.flow_control", "flow control must be none, rts_cts or xon_xoff");
    }
    return ValidSettings(settings);
}

Result<ValidSettings> with_change(const Settings& current, const SettingsChange& change) {
    return ValidSettings::of(
        {change.baud.value_or(current.baud),
         Format{change.data_bits.value_or(current.format.data_bits), change.parity.value_or(current.format.parity),
                change.stop_bits.value_or(current.format.stop_bits),
                change.flow_control.value_or(current.format.flow_control)}});
}

Result<Format> parse_format(std::string_view text) {
    const auto slash = text.find('/');
    const auto frame = text.substr(0, slash);
    const auto suffix = slash == std::string_view::npos ? std::string_view{} : text.substr(slash);
    if (frame.size() < 3 || frame[0] < '5' || frame[0] > '8') return bad_format(text);
    const auto parity = parity_of(frame[1]);
    const auto stop_bits = stop_bits_of(frame.substr(2));
    const auto flow_control = flow_control_of(suffix);
    if (!parity || !stop_bits || !flow_control) return bad_format(text);
    return Format{static_cast<std::uint8_t>(frame[0] - '0'), *parity, *stop_bits, *flow_control};
}

std::string to_string(const Format& format) {
    std::string text = std::to_string(format.data_bits) + letter_of(format.parity);
    switch (format.stop_bits) {
        case StopBits::one: text += "1"; break;
        case StopBits::one_and_half: text += "1.5"; break;
        case StopBits::two: text += "2"; break;
    }
    switch (format.flow_control) {
        case FlowControl::none: break;
        case FlowControl::rts_cts: text += "/rtscts"; break;
        case FlowControl::xon_xoff: text += "/xonxoff"; break;
    }
    return text;
}

std::uint32_t half_bits_per_character(const Format& format) noexcept {
    constexpr std::uint32_t start_bits = 1;
    const std::uint32_t parity_bits = format.parity == Parity::none ? 0 : 1;
    const std::uint32_t stop_half_bits = 2 + static_cast<std::uint32_t>(format.stop_bits);
    return 2 * (start_bits + format.data_bits + parity_bits) + stop_half_bits;
}

}  // namespace vserd::line
