#include "rpc/text_encoder.hpp"

#include <algorithm>
#include <string_view>

namespace vserd::rpc {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// The size of the character that starts with `lead`; 0 if none does.
std::size_t character_size(std::uint8_t lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) return 3;
    if (lead >= 0xF0 && lead <= 0xF4) return 4;
    return 0;
}

/// Whether `byte` may follow `lead`. The ranges exclude overlong forms, surrogates and code points above U+10FFFF.
bool second_fits(std::uint8_t lead, std::uint8_t byte) {
    switch (lead) {
        case 0xE0: return byte >= 0xA0 && byte <= 0xBF;
        case 0xED: return byte >= 0x80 && byte <= 0x9F;
        case 0xF0: return byte >= 0x90 && byte <= 0xBF;
        case 0xF4: return byte >= 0x80 && byte <= 0x8F;
        default: return byte >= 0x80 && byte <= 0xBF;
    }
}

bool is_ascii(std::byte byte) { return (std::to_integer<unsigned>(byte) & 0x80U) == 0; }

}  // namespace

void TextEncoder::append(std::span<const std::byte> bytes, std::string& text) {
    text.reserve(text.size() + bytes.size());
    for (auto at = bytes.begin(); at != bytes.end();) {
        if (kept_size_ == 0 && is_ascii(*at)) {
            const auto end = std::find_if_not(at, bytes.end(), is_ascii);
            text.append(reinterpret_cast<const char*>(&*at), static_cast<std::size_t>(end - at));
            at = end;
            continue;
        }
        take(std::to_integer<std::uint8_t>(*at), text);
        ++at;
    }
}

void TextEncoder::take(std::uint8_t byte, std::string& text) {
    if (kept_size_ > 0) {
        const bool fits = kept_size_ == 1 ? second_fits(kept_[0], byte) : (byte & 0xC0U) == 0x80U;
        if (fits) {
            if (kept_size_ + 1 < character_size_) {
                kept_[kept_size_++] = byte;
                return;
            }
            text.append(reinterpret_cast<const char*>(kept_), kept_size_);
            text.push_back(static_cast<char>(byte));
            kept_size_ = 0;
            return;
        }
        replace_kept(text);  // then this byte may start a character
    }
    character_size_ = character_size(byte);
    if (character_size_ == 0) {
        text += replacement;
    } else if (character_size_ == 1) {
        text.push_back(static_cast<char>(byte));
    } else {
        kept_[0] = byte;
        kept_size_ = 1;
    }
}

void TextEncoder::flush(std::string& text) { replace_kept(text); }

void TextEncoder::replace_kept(std::string& text) {
    for (; kept_size_ > 0; --kept_size_) text += replacement;
}

}  // namespace vserd::rpc
