#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vserd::rpc {

/// Turns a stream of bytes that arrives in pieces into pieces of UTF-8 (Unicode 15, table 3-7): U+FFFD for each byte that
/// is not part of a character, and no character split between two pieces. Up to three bytes that may yet become a
/// character are kept back until the next piece.
class TextEncoder {
public:
    static constexpr std::size_t kept_bytes_max = 3;

    /// Appends to `text` what `bytes`, after those kept back, make.
    void append(std::span<const std::byte> bytes, std::string& text);
    /// Gives up on the bytes kept back: appends one U+FFFD for each.
    void flush(std::string& text);
    /// How many bytes were taken and have not come out as text.
    std::size_t kept_bytes() const noexcept { return kept_size_; }

private:
    void take(std::uint8_t byte, std::string& text);
    void replace_kept(std::string& text);

    std::uint8_t kept_[kept_bytes_max] = {};
    std::size_t kept_size_ = 0;
    std::size_t character_size_ = 0;  ///< of the character that kept_ begins
};

}  // namespace vserd::rpc
