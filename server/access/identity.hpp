#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/role.hpp"

namespace vserd::access {

/// The clock for the expiry of tokens. In seconds, because the nanoseconds of the system clock end in the year 2262.
inline std::chrono::sys_seconds now_in_seconds() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// What a bearer token is remembered by: it must still be valid while a session runs. Nobody is shown it, and no rule matches it.
struct Credential {
    std::string id = {};  ///< a line of the tokens file, or a key of the issuer of a JWT; empty: no bearer token
    /// `exp` of a JWT, and the leeway. Unset for tokens of the file, whose expiry the file tells.
    std::optional<std::chrono::sys_seconds> expires = std::nullopt;
};

/// The bearer tokens that are valid: by Credential::id, until when.
using Credentials = std::map<std::string, std::optional<std::chrono::sys_seconds>, std::less<>>;

/// Who is asking, as a face has found out.
struct Identity {
    /// Each with its kind: "cert:spiffe://lab/ci", "token:ci-1", "jwt:sub=ann", "jwt:group=dev", "uid:1000", "gid:dialout".
    /// Empty: nobody in particular.
    std::vector<std::string> names = {};
    /// What the listener grants to everybody who connects to it ([[port.listen]] role).
    std::optional<Role> granted = std::nullopt;
    /// Where the names come from that is_bearer_name() is true for.
    Credential credential = {};
};

/// Makes `next` the earlier of both, if `expires` is later than `after`.
inline void take_earlier(std::optional<std::chrono::sys_seconds>& next, std::optional<std::chrono::sys_seconds> expires,
                         std::chrono::sys_seconds after) {
    if (expires && *expires > after && (!next || *expires < *next)) next = expires;
}

/// Whether a bearer token gave the client this name.
bool is_bearer_name(std::string_view name) noexcept;

/// The first name, or "anonymous".
std::string to_string(const Identity& identity);

/// vserd itself, for work without a client.
Identity internal_identity();

}  // namespace vserd::access
