#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "access/identity.hpp"
#include "access/jwk.hpp"
#include "base/result.hpp"

namespace vserd::access {

inline constexpr std::size_t jwt_bytes_max = 8192;
inline constexpr std::size_t jwt_groups_max = 256;
inline constexpr std::size_t jwt_name_bytes_max = 256;  ///< `sub`, or one group
inline constexpr std::chrono::seconds jwt_leeway{30};   ///< for clocks that differ

/// Checks JSON Web Tokens (RFC 7519) of one issuer for one audience. Immutable; any thread.
class JwtVerifier {
public:
    JwtVerifier(std::vector<Jwk> keys, std::string issuer, std::string audience)
        : keys_(std::move(keys)), issuer_(std::move(issuer)), audience_(std::move(audience)) {}

    /// "jwt:sub=NAME", and "jwt:group=NAME" for each entry of the array "groups". Identity::credential names
    /// the key and `exp`. The claims iss, aud, sub, exp and nbf are required. Otherwise Failure::unauthenticated; what is wrong with a claim is said only if the signature is right.
    Result<Identity> check(std::string_view token, std::chrono::system_clock::time_point now) const;
    /// The same for the claims of a token whose signature is right.
    Result<Identity> identity(std::string_view claims, std::chrono::system_clock::time_point now) const;

    /// One for each key. Another issuer or audience has others.
    Credentials credentials() const;

private:
    std::string credential_id(const Jwk& key) const;

    std::vector<Jwk> keys_;
    std::string issuer_;
    std::string audience_;
};

}  // namespace vserd::access
