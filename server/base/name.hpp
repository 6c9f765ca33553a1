#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace vserd::base {

inline constexpr std::size_t name_bytes_max = 64;

/// Whether it can name a port or a bridge: 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'.
inline bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= name_bytes_max && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '-';
    });
}

}  // namespace vserd::base
