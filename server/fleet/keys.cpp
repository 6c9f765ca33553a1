#include "fleet/keys.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace vserd::fleet {

Key parse_key(std::string_view key, std::string_view prefix) {
    const std::string_view rest = key.substr(std::min(prefix.size(), key.size()));
    for (const auto& [kind, folder] : {std::pair(KeyKind::port, std::string_view("/port/")),
                                       std::pair(KeyKind::bridge, std::string_view("/bridge/"))}) {
        if (rest.starts_with(folder)) return {kind, rest.substr(folder.size())};
    }
    return {KeyKind::foreign, rest};
}

std::string port_key(std::string_view prefix, std::string_view name) { return fmt::format("{}/port/{}", prefix, name); }

std::string bridge_key(std::string_view prefix, std::string_view id) { return fmt::format("{}/bridge/{}", prefix, id); }

std::string end_of_keys(std::string_view prefix) { return fmt::format("{}0", prefix); }  // the character after '/'

}  // namespace vserd::fleet
