#include "config/access_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "config/limits.hpp"

namespace vserd::config {
namespace {

constexpr const char* rule_heading = "[[access.rule]]";
const std::vector<std::string_view> role_words{"list", "read", "write", "control", "admin"};

bool is_absolute(const std::string& path) { return path.starts_with('/') && path.size() <= path_bytes_max; }

void read_absolute(Table& table, std::string_view key, std::string& file) {
    const auto text = table.string(key);
    if (!text) return;
    if (!is_absolute(text->value)) {
        table.problem(text->at, fmt::format("'{}' in {} must be the absolute path of a file", key, table.heading()));
        return;
    }
    file = text->value;
}

std::optional<access::JwtSettings> read_jwt(Table& access, Problems& problems) {
    const toml::table* source = access.table("jwt");
    if (!source) return std::nullopt;
    Table table(*source, "'jwt' of [access]", problems);
    access::JwtSettings jwt;
    read_absolute(table, "jwks", jwt.jwks_file);
    for (const auto& [key, value] : {std::pair{"issuer", &jwt.issuer}, std::pair{"audience", &jwt.audience}}) {
        const auto text = table.string(key);
        if (!text) continue;
        *value = text->value;
        if (text->value.empty())
            table.problem(text->at, fmt::format("'{}' in {} is empty; tokens must name it", key, table.heading()));
    }
    for (const std::string_view key : {"jwks", "issuer", "audience"}) {
        if (!table.has(key)) table.problem(table.at(), fmt::format("{} needs '{}'", table.heading(), key));
    }
    table.finish();
    return jwt;
}

void read_audit(Table& table, access::Settings& settings) {
    if (const auto audit = table.string("audit")) {
        if (audit->value == "journal" || is_absolute(audit->value)) {
            settings.audit = audit->value;
        } else {
            table.problem(audit->at, "'audit' in [access] must be \"journal\" or the absolute path of a file");
        }
    }
    if (const auto on = table.boolean("audit_required")) settings.audit_required = on->value;
}

/// DNS names of certificates are in lower case when they are compared, so such a pattern would never match.
bool is_dns_pattern_in_capitals(std::string_view pattern) {
    if (!pattern.starts_with("cert:")) return false;
    pattern.remove_prefix(5);
    return pattern.find_first_of(":/=") == std::string_view::npos &&
           std::any_of(pattern.begin(), pattern.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

void read_who(Table& table, access::Rule& rule) {
    for (auto& who : table.strings("who", access::who_max)) {
        if (const auto checked = access::check_who(who.value); !checked) {
            table.problem(who.at, fmt::format("'who' in {}: {}", rule_heading, checked.error().message));
        } else if (is_dns_pattern_in_capitals(who.value)) {
            table.problem(who.at,
                          fmt::format("'who' in {}: '{}' must be in lower case, as DNS names of certificates are "
                                      "compared; a common name is 'cert:CN=NAME'",
                                      rule_heading, who.value));
        } else {
            rule.who.push_back(std::move(who.value));
        }
    }
}

void read_rule_ports(Table& table, access::Rule& rule) {
    for (auto& ports : table.strings("ports", access::rule_ports_max)) {
        if (const auto checked = access::check_port_pattern(ports.value); !checked) {
            table.problem(ports.at, fmt::format("'ports' in {}: {}", rule_heading, checked.error().message));
        } else {
            rule.ports.push_back(std::move(ports.value));
        }
    }
}

/// An empty list would grant nothing, silently.
void check_not_empty(Table& table, const toml::table& source, std::string_view key) {
    if (!source.contains(key)) {
        table.problem(table.at(), fmt::format("{} needs '{}'", rule_heading, key));
    } else if (const auto* list = source.get_as<toml::array>(key); list && list->empty()) {
        table.problem(list->source().begin, fmt::format("'{}' in {} is empty; remove the rule", key, rule_heading));
    }
}

access::Rule read_rule(const toml::table& source, Problems& problems) {
    Table table(source, rule_heading, problems);
    access::Rule rule;
    for (const std::string_view key : {"who", "ports"}) check_not_empty(table, source, key);
    read_who(table, rule);
    read_rule_ports(table, rule);
    if (!table.has("role"))
        table.problem(table.at(), fmt::format("{} needs 'role': list, read, write, control or admin", rule_heading));
    if (const auto role = read_role(table)) rule.role = role->value;
    table.finish();
    return rule;
}

void check_limits(Table& table, const std::vector<access::Rule>& rules) {
    std::size_t grants = 0;
    for (const access::Rule& rule : rules) grants += rule.who.size() * rule.ports.size();
    if (rules.size() > access::rules_max)
        table.problem(table.at(), fmt::format("there are {} of {}, more than {}; use patterns", rules.size(),
                                              rule_heading, access::rules_max));
    if (grants > access::grants_max)
        table.problem(table.at(),
                      fmt::format("the rules combine {} entries of 'who' with entries of 'ports', more than {}; "
                                  "use patterns",
                                  grants, access::grants_max));
}

}  // namespace

std::optional<Located<access::Role>> read_role(Table& table) {
    const auto word = table.word("role", role_words);
    if (!word) return std::nullopt;
    return Located<access::Role>{access::role_from(word->value).value_or(access::Role::none), word->at};
}

std::optional<access::Settings> read_access(Table& root, Problems& problems) {
    const toml::table* source = root.table("access");
    if (!source) return std::nullopt;
    Table table(*source, "[access]", problems);
    access::Settings settings;
    read_absolute(table, "tokens", settings.tokens_file);
    settings.jwt = read_jwt(table, problems);
    read_audit(table, settings);
    if (const auto on = table.boolean("common_name")) settings.common_name = on->value;
    table.tables("rule", [&](const toml::table& rule) { settings.rules.push_back(read_rule(rule, problems)); });
    check_limits(table, settings.rules);
    table.finish();
    return settings;
}

}  // namespace vserd::config
