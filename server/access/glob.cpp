#include "access/glob.hpp"

namespace vserd::access {
namespace {

/// The number of bytes of the first character of UTF-8 text; stray bytes are characters of their own.
std::size_t character_bytes(std::string_view text) noexcept {
    std::size_t size = 1;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) ++size;
    return size;
}

}  // namespace

/// Only the last '*' can need another try: what the earlier ones matched does not limit what follows. So there is no
/// recursion, and each try starts one byte further.
bool glob_matches(std::string_view glob, std::string_view text) noexcept {
    constexpr std::size_t none = std::string_view::npos;
    std::size_t g = 0;
    std::size_t t = 0;
    std::size_t star = none;
    std::size_t retry = 0;
    while (t < text.size()) {
        if (g < glob.size() && glob[g] == '*') {
            star = g++;
            retry = t;
        } else if (g < glob.size() && glob[g] == '?') {
            t += character_bytes(text.substr(t));
            ++g;
        } else if (g < glob.size() && glob[g] == text[t]) {
            ++g;
            ++t;
        } else if (star != none) {
            g = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (g < glob.size() && glob[g] == '*') ++g;
    return g == glob.size();
}

}  // namespace vserd::access
