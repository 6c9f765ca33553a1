#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vserctl {

/// Turns a byte stream into text: U+FFFD for each byte that is not UTF-8, and never half a character in one piece.
class Utf8Stream {
public:
    struct Text {
        std::uint64_t offset = 0;  ///< of the first byte
        std::string text;
    };

    /// `offset` is that of the first byte. Bytes that may begin a character stay here until the next push or flush.
    Text push(std::uint64_t offset, std::string_view bytes);
    /// What is still here, when no more comes or something else comes in between.
    std::optional<Text> flush();

private:
    std::uint64_t offset_ = 0;
    std::string rest_;
};

/// The length of the valid UTF-8 character that `bytes` begins with; 0: none; -1: more bytes are needed to tell.
int utf8_length(std::string_view bytes) noexcept;

/// The code point of one valid UTF-8 character.
char32_t utf8_character(std::string_view character) noexcept;

/// False for control characters (C0, C1), and for those that turn the direction of text around or have no width: with
/// them a name of another client may look like something else.
bool is_safe_to_show(char32_t c) noexcept;

/// Text of strangers made safe for a terminal: what is not safe to show is escaped as in "\u009b".
std::string printable(std::string_view text);

}  // namespace vserctl
