#include "config/config.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/address_set.hpp"
#include "base/units.hpp"
#include "config/access_table.hpp"
#include "config/archive_table.hpp"
#include "config/fleet_table.hpp"
#include "config/limits.hpp"
#include "config/ports.hpp"
#include "config/table.hpp"
#include "config/web_table.hpp"

namespace vserd::config {
namespace {

const std::vector<std::string_view> engines{"auto", "io_uring", "sigio", "epoll", "aio"};
const std::vector<std::string_view> foreign_changes{"report", "restore"};
const std::vector<std::string_view> client_certificates{"required", "optional"};
const std::vector<std::string_view> log_levels{"trace", "debug", "info", "warn", "error"};

struct Listen {
    std::string text;
    base::Address address;
    toml::source_position at;
};

std::vector<Listen> read_listen(Table& server, base::AddressSet& taken) {
    std::vector<Listen> list;
    std::set<std::string> seen;
    for (auto& entry : server.strings("listen", listen_max)) {
        auto address = base::parse_address(entry.value);
        if (!address) {
            server.problem(entry.at, "'listen' in [server]: " + address.error().message);
        } else if (!seen.insert(entry.value).second) {
            server.problem(entry.at, fmt::format("'listen' in [server] has '{}' twice", entry.value));
        } else if (const auto* other = taken.add(entry.value, *address, {})) {
            server.problem(entry.at, fmt::format("'listen' in [server] has '{}' already, as '{}'; keep one of them",
                                                 entry.value, other->text));
        } else {
            list.push_back({std::move(entry.value), std::move(*address), entry.at});
        }
    }
    return list;
}

void read_metrics(Table& server, base::AddressSet& taken, Config& config) {
    const auto text = server.string("metrics").value_or(Located<std::string>{config.metrics, server.at()});
    config.metrics = text.value;
    if (config.metrics.empty()) return;
    const auto address = base::parse_address(config.metrics);
    if (!address) {
        server.problem(text.at, "'metrics' in [server]: " + address.error().message);
    } else if (address->unix_socket) {
        server.problem(text.at,
                       "'metrics' in [server] must be \"HOST:PORT\", or \"\" for none: it is scraped over TCP");
    } else if (const auto* other = taken.add(text.value, *address, {})) {
        server.problem(
            text.at,
            fmt::format("'metrics' in [server] is also an address of 'listen'{}; give it its own port",
                        other->text == text.value ? "" : fmt::format(", '{}' as '{}'", text.value, other->text)));
    }
}

/// Requires an absolute path: relative paths would depend on the daemon's working directory.
void read_file_name(Table& tls, std::string_view key, std::string& file) {
    const auto text = tls.string(key);
    if (!text) return;
    if (!text->value.starts_with('/') || text->value.size() > path_bytes_max) {
        tls.problem(text->at, fmt::format("'{}' in [server.tls] must be the absolute path of a PEM file", key));
        return;
    }
    file = text->value;
}

void read_tls(Table& server, Problems& problems, Config& config) {
    const toml::table* source = server.table("tls");
    if (!source) return;
    Table tls(*source, "[server.tls]", problems);
    read_file_name(tls, "certificate", config.tls_certificate_file);
    read_file_name(tls, "key", config.tls_key_file);
    read_file_name(tls, "client_ca", config.tls_client_ca_file);
    read_file_name(tls, "crl", config.tls_crl_file);
    if (const auto word = tls.word("client_certificates", client_certificates)) {
        config.tls_client_certificates = word->value;
    }
    for (const std::string_view key : {"crl", "client_certificates"}) {
        if (source->contains(key) && !source->contains("client_ca")) {
            tls.problem(tls.at(), fmt::format("'{}' in [server.tls] needs 'client_ca'", key));
        }
    }
    for (const std::string_view key : {"certificate", "key"}) {
        if (!source->contains(key)) tls.problem(tls.at(), fmt::format("[server.tls] needs '{}'", key));
    }
    tls.finish();
}

void read_metrics_tls(Table& server, Config& config) {
    const auto on = server.boolean("metrics_tls");
    if (!on) return;
    config.metrics_tls = on->value;
    if (on->value && config.tls_certificate_file.empty())
        server.problem(on->at, "'metrics_tls' in [server] needs a certificate: configure [server.tls]");
}

void check_exposure(Table& server, const std::vector<Listen>& listen, const Config& config) {
    if (config.allow_insecure_remote) return;
    const bool tls = !config.tls_certificate_file.empty();
    if (tls && has_rules(config)) return;
    const char* const missing =
        tls ? "and no rule says who may do what; add an [[access.rule]]"
            : "without TLS; configure 'certificate' and 'key' in [server.tls], and an [[access.rule]]";
    for (const Listen& entry : listen) {
        if (entry.address.local) continue;
        server.problem(entry.at, fmt::format("'{}' is reachable from other machines {}, or set allow_insecure_remote = "
                                             "true in [server]",
                                             entry.text, missing));
    }
}

struct DurationLimit {
    std::chrono::milliseconds most;
    const char* text;
};

void read_duration(Table& server, const char* key, const DurationLimit& limit, std::chrono::milliseconds& value) {
    const auto text = server.string(key);
    if (!text) return;
    const std::string subject = fmt::format("'{}' in [server]", key);
    const auto duration = base::parse_duration(text->value);
    if (!duration) {
        server.problem(text->at, fmt::format("{}: {}", subject, duration.error().message));
    } else if (*duration > limit.most) {
        server.problem(text->at, fmt::format("{} must be at most {}", subject, limit.text));
    } else {
        value = *duration;
    }
}

void read_server(Table& root, Problems& problems, Config& config) {
    const toml::table* source = root.table("server");
    if (!source) return;
    Table server(*source, "[server]", problems);
    base::AddressSet taken;
    const std::vector<Listen> listen = read_listen(server, taken);
    read_metrics(server, taken, config);
    if (const auto engine = server.word("engine", engines)) config.engine = engine->value;
    if (const auto level = server.word("log_level", log_levels)) config.log_level = level->value;
    if (const auto change = server.word("on_foreign_change", foreign_changes)) config.on_foreign_change = change->value;
    if (const auto allow = server.boolean("allow_insecure_remote")) config.allow_insecure_remote = allow->value;
    if (const auto streams = server.integer("streams_max", streams_min, streams_limit)) {
        config.streams_max = static_cast<std::uint32_t>(streams->value);
    }
    if (const auto bytes = server.size("memory_max", memory_min, memory_limit)) {
        config.memory_max = static_cast<std::uint64_t>(bytes->value);
    }
    read_duration(server, "drain_limit", {drain_limit_max, "10m"}, config.drain_limit);
    read_duration(server, "removed_ports_keep", {removed_ports_keep_max, "168h"}, config.removed_ports_keep);
    if (const auto folder = server.string("state_dir")) {
        if ((!folder->value.empty() && !folder->value.starts_with('/')) || folder->value.size() > path_bytes_max) {
            server.problem(folder->at,
                           "'state_dir' in [server] must be the absolute path of a directory, or \"\" for none");
        } else {
            config.state_dir = folder->value;
        }
    }
    read_tls(server, problems, config);
    read_metrics_tls(server, config);
    server.finish();

    check_exposure(server, listen, config);
    if (source->contains("listen")) {
        config.listen.clear();
        config.listen_is_default = false;
    }
    for (const Listen& entry : listen) config.listen.push_back(entry.text);
    if (const auto* empty = source->get_as<toml::array>("listen"); empty && empty->empty()) {
        server.problem(empty->source().begin, "'listen' in [server] is empty: name at least one address");
    }
}

void read_history(Table& root, Problems& problems, Config& config) {
    const toml::table* source = root.table("history");
    if (!source) return;
    Table history(*source, "[history]", problems);
    if (const auto bytes = history.size("bytes_per_port", history_bytes_min, history_bytes_max)) {
        config.history_bytes_per_port = static_cast<std::size_t>(bytes->value);
    }
    history.finish();
}

/// Limits the nesting: the parser recurses once for each part of a dotted key, and again to free it.
void check_line_lengths(std::string_view text, Problems& problems) {
    std::uint32_t line = 1;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > line_bytes_max) {
            problems.add({line, static_cast<toml::source_index>(line_bytes_max + 1)},
                         fmt::format("this line has more than {} bytes", line_bytes_max));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
        ++line;
    }
}

/// A table may be there without the key that gives it an effect.
void warn_without(const toml::table& root, std::string_view name, std::string_view key, std::string_view effect,
                  Config& config) {
    const toml::table* table = root[name].as_table();
    if (table != nullptr && !table->contains(key))
        config.warnings.push_back(fmt::format("[{}] has no '{}', so {}", name, key, effect));
}

}  // namespace

bool has_rules(const Config& config) { return config.access && !config.access->rules.empty(); }

/// With port 0 each gets a port of its own.
bool has_metrics_on_web(const Config& config) {
    return config.web && !config.metrics.ends_with(":0") &&
           std::ranges::find(config.web->listen, config.metrics) != config.web->listen.end();
}

std::string to_string(const Problem& problem) {
    if (problem.line == 0) return fmt::format("{}: {}", problem.file, problem.message);
    return fmt::format("{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.message);
}

ParseResult parse(std::string_view text, std::string_view file) {
    Problems problems(file);
    if (text.size() > file_bytes_max) {
        return std::vector<Problem>{{std::string(file), 0, 0, "is larger than 1MiB"}};
    }
    check_line_lengths(text, problems);
    if (!problems.empty()) return problems.take();

    toml::table source;
    try {
        source = toml::parse(text);
    } catch (const toml::parse_error& error) {
        problems.add(error.source().begin, std::string(error.description()));
        return problems.take();
    }
    Config config;
    config.listen = {"127.0.0.1:50051"};
    config.listen_is_default = true;
    Table root(source, "", problems);
    config.access = read_access(root, problems);  // before the addresses, which need its rules
    read_server(root, problems, config);
    read_history(root, problems, config);
    config.archive = read_archive(root, problems);
    config.web = read_web(root, config, problems);
    config.fleet = read_fleet(root, config, problems);
    config.ports = read_ports(root, config, problems);
    root.finish();
    if (!problems.empty()) return problems.take();
    warn_without(source, "archive", "directory", "nothing is archived", config);
    warn_without(source, "web", "listen", "there is no page", config);
    return config;
}

}  // namespace vserd::config
