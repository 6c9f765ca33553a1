#include "access/identity.hpp"

namespace vserd::access {

bool is_bearer_name(std::string_view name) noexcept { return name.starts_with("token:") || name.starts_with("jwt:"); }

std::string to_string(const Identity& identity) {
    return identity.names.empty() ? "anonymous" : identity.names.front();
}

Identity internal_identity() { return {.granted = Role::admin}; }

}  // namespace vserd::access
