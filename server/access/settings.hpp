#pragma once

#include <optional>
#include <string>
#include <vector>

#include "access/rule.hpp"

namespace vserd::access {

/// `jwt` of [access].
struct JwtSettings {
    std::string jwks_file;
    std::string issuer;
    std::string audience;

    friend bool operator==(const JwtSettings&, const JwtSettings&) = default;
};

/// The values of [access].
struct Settings {
    std::string tokens_file;  ///< empty: none
    std::optional<JwtSettings> jwt;
    bool common_name = false;       ///< the CN of a certificate is a name too: "cert:CN=..."
    std::string audit = "journal";  ///< or the path of a file of JSON lines
    bool audit_required = false;    ///< refuse writes while the audit trail cannot be written
    std::vector<Rule> rules;

    friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace vserd::access
