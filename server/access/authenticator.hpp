#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/certificate_names.hpp"
#include "access/identity.hpp"
#include "access/jwt.hpp"
#include "access/tokens.hpp"
#include "base/result.hpp"

namespace vserd::access {

/// Finds out who a bearer token or a certificate belongs to. Immutable, so any thread may ask.
class Authenticator {
public:
    Authenticator() = default;
    Authenticator(Tokens tokens, std::optional<JwtVerifier> jwt, bool common_name)
        : tokens_(std::move(tokens)), jwt_(std::move(jwt)), common_name_(common_name) {}

    /// Failure::unauthenticated: not a token of anybody, or it has expired. Never blocks. May take 0.1 ms if there are very many
    /// tokens, or for the signature of a JWT.
    Result<Identity> bearer(std::string_view token, std::chrono::system_clock::time_point now) const;

    /// The names of a client certificate that the TLS handshake has verified; see identity_names().
    std::vector<std::string> certificate(const CertificateNames& names) const {
        return identity_names(names, common_name_);
    }

private:
    Tokens tokens_;
    std::optional<JwtVerifier> jwt_;
    bool common_name_ = false;
};

}  // namespace vserd::access
