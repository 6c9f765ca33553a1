#include "config/web_table.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/address_set.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

void check_exposure(Table& table, const Located<std::string>& text, const base::Address& address, const Config& server,
                    bool tls) {
    if (address.local || server.allow_insecure_remote || (tls && has_rules(server))) return;
    const char* const missing =
        tls ? "and no rule says who may do what; add an [[access.rule]]"
            : "without TLS; configure [server.tls], set tls = true here, and add an [[access.rule]]";
    table.problem(text.at, fmt::format("'{}' in [web] is reachable from other machines {}, or set "
                                       "allow_insecure_remote = true in [server]",
                                       text.value, missing));
}

/// The addresses of [server]. The metrics may share one with [web], if it is written alike.
base::AddressSet taken_addresses(const Config& server, const std::vector<Located<std::string>>& web) {
    base::AddressSet taken;
    const auto take = [&](const std::string& text, const char* place) {
        if (const auto address = base::parse_address(text)) taken.add(text, *address, place);
    };
    for (const std::string& each : server.listen) take(each, "'listen' in [server]");
    const bool shared = std::ranges::any_of(web, [&](const auto& each) { return each.value == server.metrics; });
    if (!shared) take(server.metrics, "'metrics' in [server]");
    return taken;
}

void read_listen(Table& table, const Config& server, WebEntry& web) {
    const auto texts = table.strings("listen", listen_max);
    auto taken = taken_addresses(server, texts);
    for (const auto& text : texts) {
        const auto address = base::parse_address(text.value);
        if (!address) {
            table.problem(text.at, "'listen' in [web]: " + address.error().message);
        } else if (const auto* other = taken.add(text.value, *address, "'listen' in [web]")) {
            table.problem(text.at, fmt::format("'listen' in [web] has '{}', which is used already{}, by {}; give it "
                                               "another port",
                                               text.value, other->text == text.value ? "" : " as '" + other->text + "'",
                                               other->place));
        } else {
            check_exposure(table, text, *address, server, web.tls);
            web.listen.push_back(text.value);
        }
    }
}

bool is_host(std::string_view text) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
    }
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view(".-:[]_").find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= host_bytes_max && std::ranges::all_of(text, is_allowed);
}

void read_hosts(Table& table, WebEntry& web) {
    for (const auto& host : table.strings("hosts", web_hosts_max)) {
        if (is_host(host.value)) {
            web.hosts.push_back(host.value);
            continue;
        }
        table.problem(host.at,
                      fmt::format("'hosts' in [web] has '{}'; write names in lower case, as browsers show them: "
                                  "\"lab7.example\", \"lab7.example:8443\" or \"https://lab7.example\"",
                                  host.value));
    }
}

}  // namespace

std::optional<WebEntry> read_web(Table& root, const Config& config, Problems& problems) {
    const toml::table* source = root.table("web");
    if (!source) return std::nullopt;
    Table table(*source, "[web]", problems);
    WebEntry web;
    if (const auto on = table.boolean("tls")) {
        web.tls = on->value;
        if (on->value && config.tls_certificate_file.empty())
            table.problem(on->at, "'tls' in [web] needs a certificate: configure [server.tls]");
    }
    read_listen(table, config, web);
    read_hosts(table, web);
    if (const auto most = table.integer("connections_max", web_connections_min, web_connections_max)) {
        web.connections_max = static_cast<std::uint32_t>(most->value);
    }
    table.finish();
    Config with_web = config;
    with_web.web = web;
    if (has_metrics_on_web(with_web) && config.metrics_tls != web.tls) {
        table.problem(table.at(),
                      "[web] and 'metrics' in [server] have the same address, so 'tls' here and 'metrics_tls' "
                      "there must be the same too");
    }
    if (web.listen.empty()) return std::nullopt;
    return web;
}

}  // namespace vserd::config
