#include "base/text.hpp"

#include <cstddef>
#include <cstdint>

namespace vserd::base {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// The size of a character that starts with `lead`, and the range of its second byte. The ranges exclude overlong forms,
/// surrogates, the C1 controls and code points above U+10FFFF.
struct Shape {
    std::size_t size = 0;
    std::uint8_t second_min = 0x80;
    std::uint8_t second_max = 0xBF;
};

Shape shape_of(std::uint8_t lead) {
    if (lead >= 0x20 && lead < 0x7F) return {1};
    if (lead == 0xC2) return {2, 0xA0};
    if (lead > 0xC2 && lead <= 0xDF) return {2};
    if (lead == 0xE0) return {3, 0xA0};
    if (lead == 0xED) return {3, 0x80, 0x9F};
    if (lead > 0xE0 && lead <= 0xEF) return {3};
    if (lead == 0xF0) return {4, 0x90};
    if (lead == 0xF4) return {4, 0x80, 0x8F};
    if (lead > 0xF0 && lead < 0xF4) return {4};
    return {};
}

/// The size of the character at the start of `text`; 0 if there is no allowed character.
std::size_t character_size(std::string_view text) {
    const auto at = [text](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
    const Shape shape = shape_of(at(0));
    if (shape.size > text.size()) return 0;
    for (std::size_t i = 1; i < shape.size; ++i) {
        const std::uint8_t min = i == 1 ? shape.second_min : 0x80;
        const std::uint8_t max = i == 1 ? shape.second_max : 0xBF;
        if (at(i) < min || at(i) > max) return 0;
    }
    return shape.size;
}

}  // namespace

std::string printable_text(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        result += size > 0 ? text.substr(0, size) : replacement;
        text.remove_prefix(size > 0 ? size : 1);
    }
    return result;
}

std::string counted(std::uint64_t count, std::string_view what) {
    std::string text = std::to_string(count) + " ";
    text += what;
    return count == 1 ? text : text + "s";
}

}  // namespace vserd::base
