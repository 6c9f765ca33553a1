#pragma once

#include <chrono>
#include <string_view>

#include "access/identity.hpp"
#include "base/result.hpp"

namespace vserd::access {

/// Finds out who a bearer token belongs to. Immutable, so any thread may ask.
class Authenticator {
public:
    /// Failure::unauthenticated: not a token of anybody, or it has expired.
    Result<Identity> bearer(std::string_view token, std::chrono::system_clock::time_point now) const;
};

}  // namespace vserd::access
