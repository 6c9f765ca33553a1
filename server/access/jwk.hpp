#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/tokens.hpp"
#include "base/result.hpp"

namespace vserd::access {

inline constexpr std::size_t jwks_max = 64;
inline constexpr std::size_t rsa_bits_min = 2048;

/// A public key that signs tokens (RFC 7517), with the one algorithm that it is used for.
struct Jwk {
    std::string kid;
    std::string algorithm;            ///< RS256 to PS512, ES256 to ES512; never HS* or none
    std::size_t signature_bytes = 0;  ///< of every signature by this key
    std::string fingerprint;          ///< SHA-256 of the public key
    std::shared_ptr<const void> key;  ///< cjose's; shared, because cjose counts references itself
};

/// The usable keys of a JWKS file (RFC 7517, section 5). An RSA key without "alg" is used for RS256. Keys for encryption are left
/// out silently, all others that cannot be used with a warning. A shared secret is an error: whoever can check with it can sign.
std::vector<Jwk> parse_jwks(std::string_view json, const std::string& file, FileReport& report);

/// The payload of a JWS in compact form, if the key signed it with the key's algorithm (RFC 7515, section 5.2).
Result<std::string> verify_jws(std::string_view jws, const Jwk& key);

/// The "kid" of the header; fails if it has none, or names an extension that must be understood ("crit").
Result<std::string> key_id_of_jws(std::string_view jws);

}  // namespace vserd::access
