#include "access/rule.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/spelling.hpp"
#include "base/text.hpp"

namespace vserd::access {
namespace {

constexpr std::string_view certificate_prefix = "cert:";
constexpr std::string_view kinds_text = "'cert:', 'token:', 'jwt:', 'uid:' or 'gid:'";
const std::vector<std::string_view> kinds{"cert", "token", "jwt", "uid", "gid"};

Error bad_pattern(std::string message) { return {Failure::invalid_argument, 0, {}, std::move(message)}; }

bool is_name_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

Result<void> check_kind(std::string_view pattern) {
    const std::size_t colon = pattern.find(':');
    const std::string_view kind = pattern.substr(0, std::min(colon, pattern.size()));
    const bool is_known = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
    if (colon != std::string_view::npos && is_known) return {};
    const std::string_view meant = colon == std::string_view::npos ? std::string_view() : base::closest(kind, kinds);
    return bad_pattern(fmt::format("'{}' must begin with {}, or be \"*\" for every identity{}", pattern, kinds_text,
                                   meant.empty() ? "" : fmt::format("; did you mean '{}:'?", meant)));
}

/// Users and groups are exact, because vserd compares their numbers; "uid:*" is every user.
Result<void> check_id(std::string_view pattern, std::string_view value) {
    const bool is_name = std::all_of(value.begin(), value.end(), is_name_letter);
    if (value == "*" || is_name) return {};
    return bad_pattern(
        fmt::format("'{}' must be a number, a name of A-Z, a-z, 0-9, '.', '_' and '-', or '*'; users and "
                    "groups have no other patterns",
                    pattern));
}

/// A URI has a scheme, and a DNS name neither ':' nor '/'.
CertificateName kind_of_value(std::string_view value) {
    if (value.starts_with("CN=")) return CertificateName::common_name;
    return value.find_first_of(":/") == std::string_view::npos ? CertificateName::dns : CertificateName::uri;
}

Result<void> check_certificate(std::string_view pattern, std::string_view value) {
    const bool has_equals = value.find('=') != std::string_view::npos;
    if (!has_equals || kind_of_value(value) != CertificateName::dns) return {};
    return bad_pattern(fmt::format("'{}' must be 'cert:CN=NAME', 'cert:DNS-NAME' or 'cert:SCHEME:...'", pattern));
}

}  // namespace

CertificateName certificate_name_of(std::string_view name) {
    return name.starts_with(certificate_prefix) ? kind_of_value(name.substr(certificate_prefix.size()))
                                                : CertificateName::any;
}

CertificateName certificate_name_of_pattern(std::string_view who) {
    return who == "cert:*" ? CertificateName::any : certificate_name_of(who);
}

Result<void> check_who(std::string_view pattern) {
    if (pattern == "*") return {};
    if (pattern.size() > pattern_bytes_max)
        return bad_pattern(fmt::format("a pattern has at most {} bytes", pattern_bytes_max));
    if (base::printable_text(pattern) != pattern)
        return bad_pattern(fmt::format("'{}' has a control character", base::printable_text(pattern)));
    if (auto known = check_kind(pattern); !known) return known;
    const std::string_view kind = pattern.substr(0, pattern.find(':'));
    const std::string_view value = pattern.substr(kind.size() + 1);
    if (value.empty())
        return bad_pattern(fmt::format("'{}' matches nobody; write '{}*' for all of them", pattern, pattern));
    if (kind == "uid" || kind == "gid") return check_id(pattern, value);
    if (kind == "cert") return check_certificate(pattern, value);
    if (kind == "jwt" && !value.starts_with("sub=") && !value.starts_with("group=") && !value.starts_with('*'))
        return bad_pattern(fmt::format("'{}' must be 'jwt:sub=NAME' or 'jwt:group=NAME'", pattern));
    return {};
}

Result<void> check_port_pattern(std::string_view pattern) {
    const bool is_glob =
        std::all_of(pattern.begin(), pattern.end(), [](char c) { return is_name_letter(c) || c == '*' || c == '?'; });
    if (is_glob && !pattern.empty() && pattern.size() <= port_pattern_bytes_max) return {};
    return bad_pattern(
        fmt::format("'{}' must be a port's name, or a pattern of 1 to {} of A-Z, a-z, 0-9, '.', '_', '-', '*' and '?'",
                    base::printable_text(pattern), port_pattern_bytes_max));
}

}  // namespace vserd::access
