#include "import/substitution.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "import/words.hpp"

namespace vserd::importing {
namespace {

constexpr std::size_t width_max = 64;
constexpr std::size_t text_bytes_max = 65536;

std::string in_base(std::int64_t value, int base, bool upper) {
    if (value == 0) return "0";
    std::string digits;
    for (auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)); rest > 0;
         rest /= static_cast<std::uint64_t>(base)) {
        const auto digit = static_cast<char>(rest % static_cast<std::uint64_t>(base));
        digits += static_cast<char>(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
    }
    std::reverse(digits.begin(), digits.end());
    return digits;
}

/// Formats a number as one of d, x, X, a, A says; empty for another letter.
std::string formatted(std::int64_t value, char format) {
    switch (format) {
        case 'd': return std::to_string(value);
        case 'x':
        case 'X': return in_base(value, 16, format == 'X');
        case 'a':
        case 'A': return in_base(value, 36, format == 'A');
        default: return {};
    }
}

std::string padded(std::string text, std::size_t width, char fill) {
    if (text.size() < width) text.insert(0, width - text.size(), fill);
    return text;
}

/// What one rule, such as ".=P2d", inserts.
std::string value_of(std::string_view rule, const SubstitutionValues& values, Place at) {
    const Fault fault{at, fmt::format("'{}' is not a substitution such as .=P2d", rule)};
    if (rule.size() < 4 || rule[1] != '=') throw fault;
    const std::string_view field = rule.substr(3, rule.size() - 4);
    const auto width = field.empty() ? std::size_t{0} : number_of<std::size_t>(field);
    if (!width || *width > width_max) throw fault;
    const char format = rule.back();
    const std::map<char, std::string> texts{{'c', values.console}, {'h', values.host}, {'r', values.replacement}};
    const std::map<char, std::int64_t> numbers{{'b', values.baud}, {'p', values.port}, {'P', values.final_port}};
    if (const auto text = texts.find(rule[2]); text != texts.end() && format == 's') {
        return padded(text->second, *width, ' ');
    }
    const auto number = numbers.find(rule[2]);
    if (number == numbers.end()) throw fault;
    const std::string text = formatted(number->second, format);
    if (text.empty()) throw fault;
    return padded(text, *width, field.starts_with('0') ? '0' : ' ');
}

}  // namespace

std::string substituted(std::string_view text, std::string_view rules, const SubstitutionValues& values, Place at) {
    std::map<char, std::string> inserted;
    for (const std::string& rule : split(rules, ",")) inserted[rule[0]] = value_of(rule, values, at);
    std::string out;
    for (const char c : text) {
        const auto found = inserted.find(c);
        if (found == inserted.end())
            out += c;
        else
            out += found->second;
        if (out.size() > text_bytes_max) throw Fault{at, "the text is too long"};
    }
    return out;
}

}  // namespace vserd::importing
