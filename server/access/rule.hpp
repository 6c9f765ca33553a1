#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "access/role.hpp"
#include "base/result.hpp"

namespace vserd::access {

inline constexpr std::size_t rules_max = 10'000;
inline constexpr std::size_t who_max = 64;             ///< patterns of one rule
inline constexpr std::size_t rule_ports_max = 64;      ///< patterns of one rule
inline constexpr std::size_t pattern_bytes_max = 512;  ///< one pattern of `who`
inline constexpr std::size_t port_pattern_bytes_max = 64;
inline constexpr std::size_t grants_max = 1'000'000;  ///< sum over the rules of `who` times `ports`

/// One [[access.rule]]: every identity that `who` matches has `role` on every port that `ports` matches.
struct Rule {
    std::vector<std::string> who;    ///< "cert:GLOB", "token:GLOB", "jwt:GLOB", "uid:ID", "gid:ID" or "*"
    std::vector<std::string> ports;  ///< globs
    Role role = Role::none;

    friend bool operator==(const Rule&, const Rule&) = default;
};

/// The kinds of names that certificates have. A pattern is compared with the names of its kind only: otherwise "cert:*.ci.example"
/// would match the URI "spiffe://lab/user/x.ci.example".
enum class CertificateName : std::uint8_t { any, dns, uri, common_name };
/// The kind of a name of an Identity; any: it is not one of a certificate.
CertificateName certificate_name_of(std::string_view name);
/// The kind that an entry of `who` matches; any: it is "cert:*" or not one for certificates.
CertificateName certificate_name_of_pattern(std::string_view who);

/// Whether the text may be an entry of `who`. The message says what to write instead.
Result<void> check_who(std::string_view pattern);
/// The same for an entry of `ports`.
Result<void> check_port_pattern(std::string_view pattern);

}  // namespace vserd::access
