#include "vserctl/servers.hpp"

#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "vserctl/parse.hpp"

namespace vserctl {
namespace {

using vser::client::Error;
using vser::client::Result;

constexpr std::size_t file_bytes_max = std::size_t{1} << 20;
constexpr std::string_view etcd_keys_begin = "etcd_";
constexpr const char* server_keys = "address, ca, cert, key, tls, tls_name, token_file";

std::string home() {
    const char* value = std::getenv("HOME");
    return value == nullptr ? "" : value;
}

bool is_name(std::string_view name) {
    return !name.empty() &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               std::string_view::npos;
}

/// Reads the tables, and keeps the first problem.
class Reader {
public:
    explicit Reader(const std::string& file) : directory_(std::filesystem::path(file).parent_path()) {
        servers_.file = file;
    }

    Result<Servers> read(const toml::table& root) {
        const toml::node* usual = nullptr;
        for (const auto& [key, node] : root) {
            if (key == "server") {
                read_all(node);
            } else if (key == "default") {
                usual = &node;
                servers_.usual = text_of("default", node);
            } else if (key == "fleet") {
                read_fleet(node);
            } else {
                problem(key.source(),
                        fmt::format("'{}' is not known: the file has 'default', [server.NAME] and [fleet]", key.str()));
            }
        }
        if (usual != nullptr && servers_.find(servers_.usual) == nullptr) {
            problem(usual->source(),
                    fmt::format("'default' names '{}', but there is no [server.{}]", servers_.usual, servers_.usual));
        }
        if (problem_) return *std::move(problem_);
        return std::move(servers_);
    }

private:
    void problem(const toml::source_region& at, const std::string& message) {
        const auto place = std::pair(at.begin.line, at.begin.column);
        if (problem_ && place_ <= place) return;
        place_ = place;
        problem_ = configuration_error(fmt::format("{}:{}:{}: {}", servers_.file, place.first, place.second, message));
    }

    std::string text_of(std::string_view key, const toml::node& node) {
        const auto* text = node.as_string();
        if (text != nullptr && !text->get().empty()) return text->get();
        problem(node.source(), fmt::format("'{}' must be a text that is not empty", key));
        return {};
    }

    std::string path_of(std::string_view key, const toml::node& node) {
        std::string text = text_of(key, node);
        if (text.starts_with("~/")) return home() + text.substr(1);
        return text.empty() ? text : (directory_ / text).string();
    }

    void read_all(const toml::node& node) {
        const auto* tables = node.as_table();
        if (tables == nullptr) return problem(node.source(), "'server' must be tables: [server.NAME]");
        for (const auto& [name, each] : *tables) {
            if (!is_name(name.str())) {
                problem(name.source(), fmt::format("'{}' is not a name: use A-Z a-z 0-9 _ -", name.str()));
            } else if (const auto* table = each.as_table()) {
                read_server(std::string(name.str()), *table);
            } else {
                problem(each.source(), fmt::format("'{}' must be a table: [server.{}]", name.str(), name.str()));
            }
        }
    }

    void read_server(const std::string& name, const toml::table& table) {
        NamedServer server;
        server.name = name;
        for (const auto& [key, node] : table) read_key(server, key, node);
        if (!table.contains("address") && has_server_keys_only(table))  // the address may be misspelt
            problem(table.source(), fmt::format("[server.{}] needs 'address'", name));
        check_files(server, table, fmt::format("[server.{}]", name));
        servers_.list.push_back(std::move(server));
    }

    void check_files(NamedServer& server, const toml::table& table, const std::string& name) {
        const bool has_files = !server.ca.empty() || !server.cert.empty() || !server.key.empty();
        if (server.cert.empty() != server.key.empty())
            problem(table.source(), fmt::format("{} needs both 'cert' and 'key', or neither", name));
        server.tls = server.tls || has_files || !server.tls_name.empty();
    }

    void read_fleet(const toml::node& node) {
        const auto* table = node.as_table();
        if (table == nullptr) return problem(node.source(), "'fleet' must be a table: [fleet]");
        NamedFleet& fleet = servers_.fleet;
        for (const auto& [key, value] : *table) {
            if (key == "entry") {
                fleet.entries = texts_of(key.str(), value);
                check_entries(value);
            } else if (key == "hosts") {
                fleet.hosts = texts_of(key.str(), value);
            } else if (const EtcdOption* const option = etcd_option(key.str())) {
                fleet.etcd.*option->value = option->is_path ? path_of(key.str(), value) : text_of(key.str(), value);
            } else if (key == "address" || key == "tls_name" || !is_server_key(key.str())) {
                problem(key.source(),
                        fmt::format("'{}' is not a key of [fleet]: entry, hosts, ca, cert, key, tls, token_file{}",
                                    key.str(), etcd_keys()));
            } else {
                read_key(fleet.access, key, value);
            }
        }
        if (!table->contains("entry"))
            problem(table->source(), "[fleet] needs 'entry': the addresses of bridges, or an etcd");
        check_etcd(*table);
        check_files(fleet.access, *table, "[fleet]");
    }

    static const EtcdOption* etcd_option(std::string_view key) {
        if (!key.starts_with(etcd_keys_begin)) return nullptr;
        const auto name = key.substr(etcd_keys_begin.size());
        const auto found = std::ranges::find(etcd_option_list(), name, &EtcdOption::name);
        return found == etcd_option_list().end() ? nullptr : &*found;
    }

    static std::string etcd_keys() {
        std::string text;
        for (const EtcdOption& each : etcd_option_list()) text += fmt::format(", {}{}", etcd_keys_begin, each.name);
        return text;
    }

    void check_etcd(const toml::table& table) {
        const NamedFleet& fleet = servers_.fleet;
        if (is_etcd_entry(fleet.entries)) return;
        for (const auto& [key, value] : table)
            if (etcd_option(key.str()) != nullptr)
                problem(key.source(), fmt::format("'{}' in [fleet] is of no use without an etcd as the entry: "
                                                  "\"etcd://HOST:2379\"",
                                                  key.str()));
    }

    void check_entries(const toml::node& node) {
        if (is_etcd_entry(servers_.fleet.entries)) {
            const auto members = parse_etcd_entry(servers_.fleet.entries, false);
            return members ? void() : problem(node.source(), members.error().message);
        }
        for (const std::string& entry : servers_.fleet.entries)
            if (const auto parsed = parse_server(entry); !parsed) problem(node.source(), parsed.error().message);
    }

    /// A text, or a list of texts.
    std::vector<std::string> texts_of(std::string_view key, const toml::node& node) {
        const auto* list = node.as_array();
        if (list == nullptr) return {text_of(key, node)};
        std::vector<std::string> texts;
        for (const auto& each : *list) texts.push_back(text_of(key, each));
        if (texts.empty()) problem(node.source(), fmt::format("'{}' must not be empty", key));
        return texts;
    }

    static bool has_server_keys_only(const toml::table& table) {
        return std::all_of(table.begin(), table.end(), [](const auto& entry) {
            const std::string_view key = entry.first.str();
            return key == "address" || key == "tls_name" || is_server_key(key);
        });
    }

    static bool is_server_key(std::string_view key) {
        return key == "tls" || key == "ca" || key == "cert" || key == "key" || key == "token_file";
    }

    void read_key(NamedServer& server, const toml::key& key, const toml::node& node) {
        const std::string_view name = key.str();
        if (name == "address") {
            server.address = text_of(name, node);
            if (const auto parsed = parse_server(server.address); !parsed && !server.address.empty()) {
                problem(node.source(), parsed.error().message);
            }
        } else if (name == "tls_name") {
            server.tls_name = text_of(name, node);
        } else if (name == "tls") {
            if (const auto* flag = node.as_boolean()) {
                server.tls = flag->get();
            } else {
                problem(node.source(), "'tls' must be true or false");
            }
        } else if (std::string* const path = path_in(server, name)) {
            *path = path_of(name, node);
        } else {
            problem(key.source(), fmt::format("'{}' is not a key of [server.{}]: {}", name, server.name, server_keys));
        }
    }

    static std::string* path_in(NamedServer& server, std::string_view key) {
        if (key == "ca") return &server.ca;
        if (key == "cert") return &server.cert;
        if (key == "key") return &server.key;
        return key == "token_file" ? &server.token_file : nullptr;
    }

    const std::filesystem::path directory_;
    Servers servers_;
    std::optional<Error> problem_;
    std::pair<toml::source_index, toml::source_index> place_{};
};

}  // namespace

Error configuration_error(std::string message) {
    return {.code = vser::client::Code::invalid_argument, .message = std::move(message), .reason = "CONFIG"};
}

const NamedServer* Servers::find(std::string_view name) const {
    const auto found = std::ranges::find(list, name, &NamedServer::name);
    return found == list.end() ? nullptr : &*found;
}

std::string servers_file() {
    const char* xdg = std::getenv("XDG_CONFIG_HOME");
    const std::string base = xdg != nullptr && *xdg == '/' ? xdg : home().empty() ? "" : home() + "/.config";
    return base.empty() ? "" : base + "/vserctl/config.toml";
}

Result<Servers> parse_servers(std::string_view text, const std::string& file) {
    try {
        return Reader(file).read(toml::parse(text));
    } catch (const toml::parse_error& error) {
        const auto& at = error.source().begin;
        return configuration_error(fmt::format("{}:{}:{}: {}", file, at.line, at.column, error.description()));
    }
}

Result<Servers> read_servers(const std::string& file, bool required) {
    errno = 0;
    std::ifstream stream(file, std::ios::binary);
    if (!stream && errno == ENOENT && !required) {
        Servers none;
        none.file = file;
        return none;
    }
    std::ostringstream content;
    content << stream.rdbuf();
    const std::string text = content.str();
    if (text.empty() && errno != 0)
        return configuration_error(fmt::format("cannot read {}: {}", file, std::strerror(errno)));
    if (text.size() > file_bytes_max) return configuration_error(fmt::format("{} is larger than 1 MiB", file));
    return parse_servers(text, file);
}

}  // namespace vserctl
