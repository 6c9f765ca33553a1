#include "app/check_access.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "access/glob.hpp"

namespace vserd {
namespace {

constexpr std::string_view token_prefix = "token:";

bool matches_a_port(const std::string& pattern, const config::Config& config) {
    return std::any_of(config.ports.begin(), config.ports.end(),
                       [&](const config::PortEntry& port) { return access::glob_matches(pattern, port.name); });
}

bool is_missing_token(std::string_view who, const access::Loaded& loaded) {
    if (!who.starts_with(token_prefix) || who.find_first_of("*?") != std::string_view::npos) return false;
    return !loaded.token_names.contains(who.substr(token_prefix.size()));
}

/// Bearer tokens are for gRPC, and refused on TCP without TLS.
bool can_receive_tokens(const config::Config& config) {
    return !config.tls_certificate_file.empty() || config.listen_is_default ||
           std::any_of(config.listen.begin(), config.listen.end(),
                       [](const std::string& address) { return address.starts_with("unix:"); });
}

void warn_of_rule(const access::Rule& rule, std::size_t number, const config::Config& config,
                  const access::Loaded& loaded, std::vector<std::string>& warnings) {
    for (const std::string& ports : rule.ports) {
        if (!matches_a_port(ports, config))
            warnings.push_back(fmt::format("[[access.rule]] {}: no port matches '{}' in 'ports'", number, ports));
    }
    for (const std::string& who : rule.who) {
        if (is_missing_token(who, loaded))
            warnings.push_back(
                fmt::format("[[access.rule]] {}: the tokens file has no token of the name in '{}'; "
                            "`vserctl token new` makes one",
                            number, who));
    }
}

}  // namespace

std::vector<std::string> access_warnings(const config::Config& config, const access::Loaded& loaded) {
    std::vector<std::string> warnings;
    if (!config.access) return warnings;
    std::size_t number = 0;
    for (const access::Rule& rule : config.access->rules) warn_of_rule(rule, ++number, config, loaded, warnings);
    const bool has_tokens = !config.access->tokens_file.empty() || config.access->jwt;
    if (has_tokens && !can_receive_tokens(config))
        warnings.emplace_back(
            "[access]: no client can send a token, because vserd refuses tokens on TCP without TLS; set [server.tls] "
            "or add a \"unix:\" address to 'listen'");
    return warnings;
}

}  // namespace vserd
