#include "access/jwt.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "access/json.hpp"
#include "base/text.hpp"

namespace vserd::access {
namespace {

Error refused_token(std::string message) { return {Failure::unauthenticated, 0, "token", std::move(message)}; }

bool is_for(const json_t* audiences, const std::string& wanted) {
    if (json_is_string(audiences)) return json_text(audiences) == wanted;
    for (std::size_t i = 0; i < ::json_array_size(audiences); ++i) {
        if (json_text(::json_array_get(audiences, i)) == wanted) return true;
    }
    return false;
}

/// Seconds since 1970 (NumericDate); may have a fraction.
std::optional<double> time_claim(const Json& claims, const char* key) {
    const json_t* value = ::json_object_get(claims.get(), key);
    if (!json_is_number(value)) return std::nullopt;
    const double seconds = ::json_number_value(value);
    return std::isfinite(seconds) ? std::optional(seconds) : std::nullopt;
}

/// The whole second before that many seconds since 1970, but not after the year 9999.
std::chrono::sys_seconds time_at(double seconds) {
    constexpr double last = 253'402'300'799;
    return std::chrono::sys_seconds{std::chrono::seconds{static_cast<std::int64_t>(std::clamp(seconds, 0.0, last))}};
}

/// When the token expires, if it is valid now.
Result<std::chrono::sys_seconds> check_times(const Json& claims, std::chrono::system_clock::time_point now) {
    const auto expires = time_claim(claims, "exp");
    const auto begins = time_claim(claims, "nbf");
    if (!expires || !begins)
        return refused_token("the token has no \"exp\" or no \"nbf\", or one that is not a number");
    const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
    const auto leeway = static_cast<double>(jwt_leeway.count());
    if (seconds >= *expires + leeway) return refused_token("the token has expired; ask for a new one");
    if (seconds < *begins - leeway) return refused_token("the token is not valid yet; compare the clocks");
    return time_at(*expires + leeway);
}

bool is_identity_name(const std::optional<std::string>& name) {
    return name && !name->empty() && name->size() <= jwt_name_bytes_max && base::printable_text(*name) == *name;
}

Result<Identity> identity_of(const Json& claims) {
    const auto subject = json_text(claims, "sub");
    if (!is_identity_name(subject))
        return refused_token(fmt::format("the token has no \"sub\" of 1 to {} printable bytes", jwt_name_bytes_max));
    Identity identity{.names = {"jwt:sub=" + *subject}};
    const json_t* groups = ::json_object_get(claims.get(), "groups");
    if (groups == nullptr) return identity;
    if (!json_is_array(groups) || ::json_array_size(groups) > jwt_groups_max)
        return refused_token(
            fmt::format("\"groups\" of the token is not an array of at most {} names", jwt_groups_max));
    for (std::size_t i = 0; i < ::json_array_size(groups); ++i) {
        const auto group = json_text(::json_array_get(groups, i));
        if (is_identity_name(group)) identity.names.push_back("jwt:group=" + *group);
    }
    return identity;
}

}  // namespace

Result<Identity> JwtVerifier::check(std::string_view token, std::chrono::system_clock::time_point now) const {
    if (token.size() > jwt_bytes_max)
        return refused_token(fmt::format("the token is malformed: it has more than {} bytes", jwt_bytes_max));
    const auto kid = key_id_of_jws(token);
    if (!kid) return kid.error();
    const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const Jwk& k) { return k.kid == *kid; });
    if (key == keys_.end()) return refused_token("the token is not signed by a key that the server accepts");
    const auto payload = verify_jws(token, *key);
    if (!payload) return payload.error();
    auto known = identity(*payload, now);
    if (known) known->credential.id = credential_id(*key);
    return known;
}

Result<Identity> JwtVerifier::identity(std::string_view text, std::chrono::system_clock::time_point now) const {
    const Json claims = parse_json_object(text);
    if (!claims) return refused_token("the token is malformed: its claims cannot be read");
    if (json_text(claims, "iss") != issuer_)
        return refused_token("the token is of another issuer than the server accepts");
    if (!is_for(::json_object_get(claims.get(), "aud"), audience_))
        return refused_token("the token is for another audience than this server");
    const auto expires = check_times(claims, now);
    if (!expires) return expires.error();
    auto known = identity_of(claims);
    if (known) known->credential.expires = *expires;
    return known;
}

std::string JwtVerifier::credential_id(const Jwk& key) const {
    return fmt::format("jwt:{}:{} {}:{} {}", issuer_.size(), issuer_, audience_.size(), audience_,
                       key.kid + ' ' + key.fingerprint);
}

Credentials JwtVerifier::credentials() const {
    Credentials credentials;
    for (const Jwk& key : keys_) credentials.emplace(credential_id(key), std::nullopt);
    return credentials;
}

}  // namespace vserd::access
