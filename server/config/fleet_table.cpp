#include "config/fleet_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/key_prefix.hpp"
#include "base/name.hpp"
#include "base/units.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

constexpr std::string_view etcd_port = ":2379";

/// Reads "https://HOST:PORT"; empty if it is something else.
std::optional<EtcdEndpoint> endpoint_of(std::string_view text) {
    EtcdEndpoint endpoint;
    endpoint.url = text;
    for (const bool tls : {true, false}) {
        const std::string_view scheme = tls ? "https://" : "http://";
        if (!text.starts_with(scheme)) continue;
        text.remove_prefix(scheme.size());
        endpoint.tls = tls;
        const bool has_port = text.find(':', text.starts_with('[') ? text.find(']') : 0) != std::string_view::npos;
        const auto address = base::parse_address(has_port ? std::string(text) : fmt::format("{}{}", text, etcd_port));
        if (!address || address->unix_socket || address->port == 0) return std::nullopt;
        endpoint.host = address->host;
        endpoint.port = address->port;
        endpoint.local = address->local;
        return endpoint;
    }
    return std::nullopt;
}

void read_endpoints(Table& table, FleetEntry& fleet) {
    for (const auto& text : table.strings("etcd", fleet_endpoints_max)) {
        const auto endpoint = endpoint_of(text.value);
        const auto same = [&](const EtcdEndpoint& other) {
            return endpoint && other.host == endpoint->host && other.port == endpoint->port;
        };
        if (!endpoint) {
            table.problem(text.at, fmt::format("'etcd' in [fleet] has '{}'; write \"https://HOST:PORT\", or "
                                               "\"http://HOST:PORT\" for an etcd without TLS",
                                               text.value));
        } else if (std::ranges::any_of(fleet.etcd, same)) {
            table.problem(text.at, fmt::format("'etcd' in [fleet] has '{}' twice", text.value));
        } else {
            fleet.etcd.push_back(*endpoint);
        }
    }
    if (!table.has("etcd"))
        table.problem(table.at(), "[fleet] needs 'etcd': the members of the cluster, such as [\"https://etcd1:2379\"]");
}

void read_names(Table& table, FleetEntry& fleet) {
    if (const auto prefix = table.string("prefix")) {
        fleet.prefix = prefix->value;
        if (!base::is_key_prefix(prefix->value))
            table.problem(prefix->at, fmt::format("'prefix' in [fleet] must begin with '/' and not end with it, such "
                                                  "as \"/vserd/v1\", without spaces and at most {} bytes",
                                                  base::key_prefix_bytes_max));
    }
    if (const auto bridge = table.string("bridge")) {
        fleet.bridge = bridge->value;
        if (!base::is_name(bridge->value))
            table.problem(bridge->at, fmt::format("'bridge' in [fleet] must be 1 to {} characters from A-Z a-z 0-9 . "
                                                  "_ -, unique in the fleet",
                                                  name_bytes_max));
    }
    if (const auto ttl = table.string("ttl")) {
        const auto duration = base::parse_duration(ttl->value);
        if (!duration) {
            table.problem(ttl->at, fmt::format("'ttl' in [fleet]: {}", duration.error().message));
        } else if (*duration < fleet_ttl_min || *duration > fleet_ttl_max) {
            table.problem(
                ttl->at,
                "'ttl' in [fleet] must be from 5s to 5min: a bridge stays listed this long after it has ended");
        } else {
            fleet.ttl = std::chrono::duration_cast<std::chrono::seconds>(*duration);
        }
    }
}

/// Addresses that others connect to, so port 0 and Unix sockets make no sense.
void read_public_address(Table& table, std::string_view key, std::string& value) {
    const auto text = table.string(key);
    if (!text) return;
    const auto address = base::parse_address(text->value);
    if (!address || address->unix_socket || address->port == 0) {
        return table.problem(text->at, fmt::format("'{}' in [fleet] must be the \"HOST:PORT\" by which other machines "
                                                   "reach this vserd, such as \"lab7.example:50051\"",
                                                   key));
    }
    if (address->host == "0.0.0.0" || address->host == "::") {
        return table.problem(text->at, fmt::format("'{}' in [fleet] is '{}', to which nobody can connect; name a host "
                                                   "that other machines reach, such as \"lab7.example:{}\"",
                                                   key, text->value, address->port));
    }
    value = text->value;
}

void read_web(Table& table, std::string& value) {
    const auto text = table.string("advertise_web");
    if (!text) return;
    value = text->value;
    const bool is_url = value.starts_with("https://") || value.starts_with("http://");
    if (!is_url || value.size() > host_bytes_max || value.find_first_of(" \t\n\"<>") != std::string::npos)
        table.problem(text->at,
                      "'advertise_web' in [fleet] must be the address of the page, such as "
                      "\"https://lab7.example:8443\"");
}

void read_path(Table& table, std::string_view key, std::string& file) {
    const auto text = table.string(key);
    if (!text) return;
    file = text->value;
    if (!file.starts_with('/') || file.size() > path_bytes_max)
        table.problem(text->at, fmt::format("'{}' in [fleet] must be the absolute path of a file", key));
}

void require_together(Table& table, std::string_view one, std::string_view other) {
    if (table.has(one) && !table.has(other))
        table.problem(table.at(), fmt::format("'{}' in [fleet] needs '{}'", one, other));
}

void read_credentials(Table& table, FleetEntry& fleet) {
    read_path(table, "password_file", fleet.password_file);
    read_path(table, "ca", fleet.ca_file);
    read_path(table, "cert", fleet.certificate_file);
    read_path(table, "key", fleet.key_file);
    if (const auto name = table.string("tls_name")) fleet.tls_name = name->value;
    if (const auto user = table.string("user")) {
        fleet.user = user->value;
        if (user->value.empty() || user->value.size() > name_bytes_max)
            table.problem(user->at,
                          fmt::format("'user' in [fleet] must be an etcd user of 1 to {} bytes", name_bytes_max));
    }
    require_together(table, "user", "password_file");
    require_together(table, "password_file", "user");
    require_together(table, "cert", "key");
    require_together(table, "key", "cert");
    const bool tls = std::ranges::any_of(fleet.etcd, &EtcdEndpoint::tls);
    for (const std::string_view key : {"ca", "cert", "tls_name"}) {
        if (table.has(key) && !fleet.etcd.empty() && !tls)
            table.problem(table.at(), fmt::format("'{}' in [fleet] needs an etcd with \"https://\"", key));
    }
}

void check_password_is_safe(Table& table, const FleetEntry& fleet, const Config& config) {
    if (fleet.user.empty() || config.allow_insecure_remote) return;
    for (const EtcdEndpoint& endpoint : fleet.etcd) {
        if (endpoint.tls || endpoint.local) continue;
        table.problem(table.at(), fmt::format("[fleet] would send the password to '{}' without encryption; use "
                                              "\"https://\", or set allow_insecure_remote = true in [server]",
                                              endpoint.url));
    }
}

bool is_wildcard(const base::Address& address) { return address.host == "0.0.0.0" || address.host == "::"; }

std::string host_text(const std::string& host) {
    return host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
}

/// An address of ours as others see it: a wildcard becomes the advertised host. Empty: they cannot connect to it.
std::string seen_from_outside(const std::string& text, const Config& config) {
    const auto address = base::parse_address(text);
    const auto ours = advertised_address(config);
    if (!address || address->unix_socket || address->port == 0 || !ours) return {};
    const auto advertised = base::parse_address(*ours);
    if (is_wildcard(*address) && advertised) return fmt::format("{}:{}", host_text(advertised->host), address->port);
    if (address->local && advertised && !advertised->local) return {};
    return text;
}

}  // namespace

std::optional<FleetEntry> read_fleet(Table& root, const Config& config, Problems& problems) {
    const toml::table* source = root.table("fleet");
    if (!source) return std::nullopt;
    Table table(*source, "[fleet]", problems);
    FleetEntry fleet;
    read_endpoints(table, fleet);
    read_names(table, fleet);
    read_public_address(table, "advertise", fleet.advertise);
    read_public_address(table, "advertise_metrics", fleet.advertise_metrics);
    read_web(table, fleet.advertise_web);
    read_credentials(table, fleet);
    check_password_is_safe(table, fleet, config);
    table.finish();
    if (fleet.etcd.empty()) return std::nullopt;
    return fleet;
}

Result<std::string> advertised_address(const Config& config) {
    if (!config.fleet->advertise.empty()) return config.fleet->advertise;
    std::vector<std::string> candidates;
    for (const std::string& text : config.listen) {
        const auto address = base::parse_address(text);
        if (!address || address->unix_socket) continue;
        if (address->local || is_wildcard(*address) || address->port == 0) continue;
        candidates.push_back(text);
    }
    if (candidates.size() == 1) return candidates.front();
    return Error{Failure::invalid_argument, 0, "advertise",
                 fmt::format("[fleet] needs 'advertise': 'listen' in [server] has {} by which other machines certainly "
                             "reach this vserd. Set advertise = \"HOST:PORT\", such as \"lab7.example:50051\"",
                             candidates.empty() ? "no address" : "more than one address")};
}

std::string advertised_metrics(const Config& config) {
    if (!config.fleet->advertise_metrics.empty()) return config.fleet->advertise_metrics;
    return seen_from_outside(config.metrics, config);
}

std::string advertised_web(const Config& config) {
    if (!config.fleet->advertise_web.empty() || !config.web) return config.fleet->advertise_web;
    for (const std::string& text : config.web->listen) {
        const std::string seen = seen_from_outside(text, config);
        if (!seen.empty()) return fmt::format("{}://{}", config.web->tls ? "https" : "http", seen);
    }
    return {};
}

}  // namespace vserd::config
