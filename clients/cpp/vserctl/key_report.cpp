#include "vserctl/key_report.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>

namespace vserctl {
namespace {

using Kind = KeyReport::Kind;

constexpr std::size_t fields_max = 6;
constexpr std::size_t subfields_max = 3;
/// Parses numbers such as "1:2;3". A missing number is 0.
using Fields = std::array<std::array<std::uint32_t, subfields_max>, fields_max>;

constexpr std::uint32_t shift = 1;
constexpr std::uint32_t control = 4;
constexpr std::uint32_t locks = 64 | 128;  // caps lock and num lock

Fields split(std::string_view parameters) {
    Fields fields{};
    std::size_t field = 0;
    std::size_t subfield = 0;
    while (!parameters.empty() && field < fields_max) {
        const auto end = parameters.find_first_of(";:");
        const auto number = parameters.substr(0, end);
        if (subfield < subfields_max)
            std::from_chars(number.data(), number.data() + number.size(), fields[field][subfield]);
        if (end == std::string_view::npos) break;
        if (parameters[end] == ';') {
            ++field;
            subfield = 0;
        } else {
            ++subfield;
        }
        parameters.remove_prefix(end + 1);
    }
    return fields;
}

/// The control character that Ctrl and this character send without key reports; -1: none.
int control_of(std::uint32_t c) {
    if (c < 0x20) return static_cast<int>(c);
    if (c >= 'a' && c <= 'z') return static_cast<int>(c & 0x1F);
    if (c >= '@' && c <= '_') return static_cast<int>(c & 0x1F);
    switch (c) {
        case ' ':
        case '2': return 0x00;
        case '3': return 0x1B;
        case '4': return 0x1C;
        case '5': return 0x1D;
        case '6': return 0x1E;
        case '7':
        case '/': return 0x1F;
        default: return -1;
    }
}

bool is_text(std::uint32_t c) { return c > 0x20 && c < 0x7F; }

/// The character of a key with shift, if the report does not have it: letters, and "?" of a US keyboard.
std::uint32_t shifted(std::uint32_t c) {
    if (c >= 'a' && c <= 'z') return c - 0x20;
    return c == '/' ? '?' : c;
}

/// `key`: the character without modifiers (CSI u) or with them (modifyOtherKeys).
KeyReport with_modifiers(std::uint32_t key, std::uint32_t with_shift, std::uint32_t modifiers) {
    KeyReport report;
    const bool is_shifted = (modifiers & shift) != 0;
    const auto others = modifiers & ~(shift | locks);
    const auto c = is_shifted && with_shift != 0 ? with_shift : key;
    const bool is_letter = c < 0x80 && std::isalpha(static_cast<int>(c)) != 0;
    const bool can_be_shifted = with_shift != 0 || (c >= '@' && !is_letter && c != ']' && c != '[' && c != '\\');
    if (others == control && (!is_shifted || (can_be_shifted && !is_letter))) report.control = control_of(c);
    if (others == 0 && c < 0x20) report.control = static_cast<int>(c);  // Enter, Tab and Esc
    const auto typed = is_shifted && with_shift == 0 ? shifted(c) : c;
    // People may hold Ctrl for the second key too. "." and "?" have no control character, so they are sent unchanged.
    if (is_text(typed) && (others == 0 || (others == control && report.control < 0)))
        report.text = static_cast<char>(typed);
    return report;
}

Kind kind_of_event(std::uint32_t event) { return event == 3 ? Kind::release : event == 2 ? Kind::repeat : Kind::press; }

KeyReport parse_kitty(const Fields& fields) {
    const auto [code, with_shift, base] = fields[0];
    const bool is_modifier = (code >= 57441 && code <= 57454) || (code >= 57358 && code <= 57360);
    if (is_modifier) return {.kind = Kind::not_a_key, .code = code};
    // On a keyboard without Latin letters, use the position of the key.
    const auto key = code >= 0x80 && base != 0 ? base : code;
    const auto typed = with_shift != 0 ? with_shift : is_text(fields[2][0]) ? fields[2][0] : 0;
    auto report = with_modifiers(key, key == code ? typed : 0, std::max(fields[1][0], 1U) - 1);
    report.kind = kind_of_event(fields[1][1]);
    report.code = code;
    return report;
}

KeyReport parse_windows(const Fields& fields) {
    constexpr std::uint32_t windows_codes = 1U << 24;  // outside Unicode
    const auto key = fields[0][0];
    const auto character = fields[2][0];
    const bool is_modifier =
        (key >= 16 && key <= 18) || key == 20 || key == 91 || key == 92 || key == 144 || key == 145;
    KeyReport report{.code = windows_codes + key};
    report.kind = is_modifier ? Kind::not_a_key : fields[3][0] == 0 ? Kind::release : Kind::press;
    if (character > 0 && character < 0x20) report.control = static_cast<int>(character);
    if (is_text(character)) report.text = static_cast<char>(character);
    return report;
}

}  // namespace

KeyReport parse_key_report(std::string_view sequence) {
    const auto body = sequence.substr(2);
    const auto end = std::min(body.find_first_not_of("0123456789;:<=>?!\"#$%&'()*+,-./ "), body.size() - 1);
    const char final = body[end];
    const auto parameters = body.substr(0, end);
    constexpr std::string_view answers = "Rcnty";
    const bool is_private = !parameters.empty() && parameters.front() >= '<' && parameters.front() <= '?';
    if (is_private || final == 'M' || answers.find(final) != std::string_view::npos) return {.kind = Kind::not_a_key};
    if (parameters.empty() && (final == 'I' || final == 'O')) return {.kind = Kind::not_a_key};  // focus

    const auto fields = split(parameters);
    if (final == 'u') return parse_kitty(fields);
    if (final == '_') return parse_windows(fields);
    if (final == '~' && fields[0][0] == 27) {
        return with_modifiers(fields[2][0], fields[2][0], std::max(fields[1][0], 1U) - 1);
    }
    if (final == '~' && (fields[0][0] == 200 || fields[0][0] == 201))
        return {.kind = Kind::not_a_key};  // bracketed paste
    KeyReport other;                       // arrow and function keys
    other.kind = kind_of_event(fields[1][1]);
    other.code = static_cast<std::uint32_t>(final) << 16 | (fields[0][0] & 0xFFFF);
    return other;
}

}  // namespace vserctl
