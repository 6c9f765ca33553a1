#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/role.hpp"

namespace vserd::access {

/// Who is asking, as a face has found out.
struct Identity {
    /// Each with its kind: "cert:spiffe://lab/ci", "token:ci-1", "jwt:sub=ann", "jwt:group=dev", "uid:1000", "gid:dialout".
    /// Empty: nobody in particular.
    std::vector<std::string> names = {};
    /// What the listener grants to everybody who connects to it ([[port.listen]] role).
    std::optional<Role> granted = std::nullopt;
};

/// The first name, or "anonymous".
std::string to_string(const Identity& identity);

/// vserd itself, for work without a client.
Identity internal_identity();

}  // namespace vserd::access
