#include "vserctl/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace vserctl {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

std::uint8_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

/// The valid range of the second byte after a first byte (Unicode 15, table 3-7); `length` 0: not a first byte.
struct Lead {
    int length;
    std::uint8_t low;
    std::uint8_t high;
};

Lead lead_of(std::uint8_t byte) noexcept {
    if (byte < 0x80) return {1, 0, 0};
    if (byte < 0xC2) return {0, 0, 0};
    if (byte < 0xE0) return {2, 0x80, 0xBF};
    if (byte == 0xE0) return {3, 0xA0, 0xBF};
    if (byte == 0xED) return {3, 0x80, 0x9F};
    if (byte < 0xF0) return {3, 0x80, 0xBF};
    if (byte == 0xF0) return {4, 0x90, 0xBF};
    if (byte < 0xF4) return {4, 0x80, 0xBF};
    if (byte == 0xF4) return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

void append_text(std::string_view& bytes, std::string& out, bool keep_incomplete) {
    while (!bytes.empty()) {
        const int length = utf8_length(bytes);
        if (length < 0 && keep_incomplete) return;
        const auto taken = length > 0 ? static_cast<std::size_t>(length) : 1;
        out += length > 0 ? bytes.substr(0, taken) : replacement;
        bytes.remove_prefix(taken);
    }
}

}  // namespace

int utf8_length(std::string_view bytes) noexcept {
    if (bytes.empty()) return -1;
    const auto lead = lead_of(byte_at(bytes, 0));
    for (int i = 1; i < lead.length; ++i) {
        const auto index = static_cast<std::size_t>(i);
        if (index == bytes.size()) return -1;
        const auto byte = byte_at(bytes, index);
        const bool valid = i == 1 ? byte >= lead.low && byte <= lead.high : byte >= 0x80 && byte <= 0xBF;
        if (!valid) return 0;
    }
    return lead.length;
}

Utf8Stream::Text Utf8Stream::push(std::uint64_t offset, std::string_view bytes) {
    Text out{.offset = rest_.empty() ? offset : offset_, .text = {}};
    const auto end = offset + bytes.size();
    const std::string joined = rest_ + std::string(bytes);
    std::string_view left = joined;
    append_text(left, out.text, true);
    rest_ = left;
    offset_ = end - left.size();
    return out;
}

std::optional<Utf8Stream::Text> Utf8Stream::flush() {
    if (rest_.empty()) return std::nullopt;
    Text out{.offset = offset_, .text = {}};
    std::string_view left = rest_;
    append_text(left, out.text, false);
    rest_.clear();
    return out;
}

char32_t utf8_character(std::string_view character) noexcept {
    const auto first = byte_at(character, 0);
    if (character.size() == 1) return first;
    char32_t value = first & (0x7FU >> character.size());
    for (std::size_t i = 1; i < character.size(); ++i) value = value << 6 | (byte_at(character, i) & 0x3FU);
    return value;
}

bool is_safe_to_show(char32_t c) noexcept {
    struct Range {
        char32_t first;
        char32_t last;
    };
    static constexpr std::array<Range, 10> unsafe{{
        {0x0000, 0x001F},
        {0x007F, 0x009F},  // C1: U+009B begins a control sequence
        {0x061C, 0x061C},  // marks, embeddings, overrides and isolates of direction
        {0x200B, 0x200F},  // characters without width
        {0x2028, 0x202E},
        {0x2060, 0x206F},
        {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB},    // annotations
        {0xE0000, 0xE007F},  // tags
        {0x110000, 0xFFFFFFFF},
    }};
    return std::none_of(unsafe.begin(), unsafe.end(),
                        [c](const Range& range) { return c >= range.first && c <= range.last; });
}

std::string printable(std::string_view text) {
    std::string valid;
    append_text(text, valid, false);
    std::string out;
    for (std::string_view left = valid; !left.empty();) {
        const auto character = left.substr(0, static_cast<std::size_t>(utf8_length(left)));
        left.remove_prefix(character.size());
        const auto c = utf8_character(character);
        if (is_safe_to_show(c)) {
            out += character;
            continue;
        }
        std::array<char, 12> code{};
        std::snprintf(code.data(), code.size(), c > 0xFFFF ? "\\U%08x" : "\\u%04x", static_cast<unsigned>(c));
        out += code.data();
    }
    return out;
}

}  // namespace vserctl
