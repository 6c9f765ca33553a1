#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vserctl {

/// Converts a byte stream to text: each byte that is not UTF-8 becomes U+FFFD, and characters are never split.
class Utf8Stream {
public:
    struct Text {
        std::uint64_t offset = 0;  ///< of the first byte
        std::string text;
    };

    /// `offset` is the offset of the first byte. An incomplete character at the end is kept until the next push or flush.
    Text push(std::uint64_t offset, std::string_view bytes);
    /// Returns the incomplete character that was kept, if any. Call it at the end, or before a gap.
    std::optional<Text> flush();

private:
    std::uint64_t offset_ = 0;
    std::string rest_;
};

/// The length of the UTF-8 character at the start of `bytes`; 0: invalid; -1: incomplete.
int utf8_length(std::string_view bytes) noexcept;

/// The code point of one valid UTF-8 character.
char32_t utf8_character(std::string_view character) noexcept;

/// False for control characters (C0, C1), and for characters that change the direction of text or have no width, with which
/// one client's name could look like another.
bool is_safe_to_show(char32_t c) noexcept;

/// Makes text from other clients and devices safe for a terminal: unsafe characters are escaped, as in "\u009b".
std::string printable(std::string_view text);

}  // namespace vserctl
