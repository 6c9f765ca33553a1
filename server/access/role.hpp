#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vserd::access {

/// What a client may do on one port. Each role includes those before it.
enum class Role : std::uint8_t {
    none,     ///< the port does not exist for this client
    list,     ///< see the port and its state
    read,     ///< read its bytes and events
    write,    ///< send bytes
    control,  ///< change the line: baud, format, modem lines, break, flush, yield
    admin     ///< end the sessions of others, and take over their leases
};

inline constexpr std::array<std::string_view, 6> role_names{"none", "list", "read", "write", "control", "admin"};

constexpr std::string_view to_string(Role role) noexcept { return role_names.at(static_cast<std::size_t>(role)); }

/// The role of that name; "none" is not one that can be granted.
constexpr std::optional<Role> role_from(std::string_view name) noexcept {
    for (std::size_t i = 1; i < role_names.size(); ++i) {
        if (role_names.at(i) == name) return static_cast<Role>(i);
    }
    return std::nullopt;
}

}  // namespace vserd::access
