#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace vserd::base {

inline constexpr std::size_t key_prefix_bytes_max = 256;

/// Whether it can be the prefix of a fleet's keys in etcd: "/vserd/v1".
inline bool is_key_prefix(std::string_view text) {
    const auto is_allowed = [](char c) { return c > ' ' && c < '\x7f'; };
    return text.size() > 1 && text.size() <= key_prefix_bytes_max && text.starts_with('/') && !text.ends_with('/') &&
           text.find("//") == std::string_view::npos && std::ranges::all_of(text, is_allowed);
}

}  // namespace vserd::base
