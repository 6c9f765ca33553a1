#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vserd::rpc {

/// Converts pieces of a byte stream to pieces of UTF-8 (Unicode 15, table 3-7). Each byte that is not part of a character
/// becomes U+FFFD. No character is split between two pieces: up to three bytes of an incomplete character are kept back until
/// the next piece.
class TextEncoder {
public:
    static constexpr std::size_t kept_bytes_max = 3;

    /// Appends the text of the kept bytes and `bytes` to `text`.
    void append(std::span<const std::byte> bytes, std::string& text);
    /// The incomplete character will not be completed: appends one U+FFFD for each kept byte.
    void flush(std::string& text);
    /// The number of bytes that are kept back.
    std::size_t kept_bytes() const noexcept { return kept_size_; }

private:
    void take(std::uint8_t byte, std::string& text);
    void replace_kept(std::string& text);

    std::uint8_t kept_[kept_bytes_max] = {};
    std::size_t kept_size_ = 0;
    std::size_t character_size_ = 0;  ///< of the character that starts in kept_
};

}  // namespace vserd::rpc
