#include "vserctl/server_choice.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "vserctl/exit_code.hpp"
#include "vserctl/json.hpp"
#include "vserctl/output.hpp"
#include "vserctl/parse.hpp"
#include "vserctl/servers.hpp"
#include "vserctl/table.hpp"
#include "vserctl/utf8.hpp"

namespace vserctl {
namespace {

using vser::client::Result;

constexpr std::size_t token_bytes_max = 4096;

/// The first word of the file, which holds one token and perhaps a line feed.
Result<std::string> read_token(const std::string& file) {
    errno = 0;
    std::ifstream stream(file);
    std::string token;
    if (stream >> token && token.size() <= token_bytes_max) return token;
    const char* why = errno != 0 ? std::strerror(errno) : token.empty() ? "it is empty" : "it is too long for a token";
    return configuration_error(fmt::format("cannot read the token file {}: {}", file, why));
}

std::string permission_warning(const std::string& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) < 0 || !S_ISREG(status.st_mode) || (status.st_mode & (S_IRGRP | S_IROTH)) == 0) {
        return {};
    }
    return fmt::format("vserctl: warning: other users can read the token in {0}; run: chmod 600 {0}\n",
                       printable(file));
}

void fill(std::string& option, const std::string& named) {
    if (option.empty()) option = named;
}

/// TLS and the names that it needs.
void use_access(const NamedServer& named, Options& options) {
    options.tls = options.tls || named.tls;
    fill(options.tls_ca_file, named.ca);
    if (options.tls_certificate_file.empty() && options.tls_key_file.empty()) {
        options.tls_certificate_file = named.cert;
        options.tls_key_file = named.key;
    }
    fill(options.tls_name, named.tls_name);
}

/// For everything that is not found by an etcd.
Result<> check_no_etcd(const Options& options) {
    const auto name = any_etcd_option(options.etcd);
    if (!name) return vser::client::Done{};
    return configuration_error(
        fmt::format("{} is of no use without an etcd; name it with --fleet etcd://HOST:2379", *name));
}

/// From --token-file, VSERD_TOKEN or the configuration.
Result<std::string> take_token(const std::string& named_file, Options& options) {
    const char* token = std::getenv("VSERD_TOKEN");
    if (options.token_file.empty() && token != nullptr && *token != '\0') {
        options.token = token;
        return std::string();
    }
    fill(options.token_file, named_file);
    if (options.token_file.empty()) return std::string();
    auto read = read_token(options.token_file);
    if (!read) return std::move(read).error();
    options.token = *std::move(read);
    return permission_warning(options.token_file);
}

/// Addresses as they are dialled.
Result<> use_bridges(Options& options) {
    for (std::string& entry : options.fleet) {
        auto address = parse_server(entry);
        if (!address) return std::move(address).error();
        entry = *std::move(address);
    }
    return check_no_etcd(options);
}

Result<std::string> use_fleet(const NamedFleet& fleet, Options& options) {
    if (options.fleet.empty()) options.fleet = fleet.entries;
    options.fleet_hosts = fleet.hosts;
    use_access(fleet.access, options);
    if (is_etcd_entry(options.fleet)) {
        if (auto done = complete_etcd(options.etcd, fleet.etcd, options.fleet); !done) return std::move(done).error();
    } else if (auto done = use_bridges(options); !done) {
        return std::move(done).error();
    }
    options.tls = options.tls || !options.tls_ca_file.empty() || !options.tls_certificate_file.empty();
    auto warning = take_token(fleet.access.token_file, options);
    if (warning && !options.token.empty() && !options.tls)
        return configuration_error(
            "the token is not sent to bridges of the fleet without encryption; connect with TLS (--tls or --tls-ca)");
    return warning;
}

Result<Servers> read_configuration(const Options& options) {
    if (!options.config_file.empty()) return read_servers(options.config_file, true);
    const std::string file = servers_file();
    return file.empty() ? Result<Servers>(Servers{}) : read_servers(file, false);
}

JsonObject json_of(const NamedServer& server, bool usual) {
    return JsonObject()
        .field("name", server.name)
        .field("address", server.address)
        .field("tls", server.tls)
        .field("ca", server.ca)
        .field("cert", server.cert)
        .field("key", server.key)
        .field("tls_name", server.tls_name)
        .field("token_file", server.token_file)
        .field("default", usual);
}

std::string toml_of(const NamedServer& server) {
    std::string text = fmt::format("[server.{}]\naddress = \"{}\"\n", server.name, printable(server.address));
    if (server.tls) text += "tls = true\n";
    const auto line = [&text](const char* key, const std::string& value) {
        if (!value.empty()) text += fmt::format("{} = \"{}\"\n", key, printable(value));
    };
    line("ca", server.ca);
    line("cert", server.cert);
    line("key", server.key);
    line("tls_name", server.tls_name);
    line("token_file", server.token_file);
    return text;
}

int list_servers(const Servers& servers, bool json) {
    std::vector<JsonObject> objects;
    Table table({"NAME", "ADDRESS", "TLS", "TOKEN FILE", ""});
    for (const NamedServer& server : servers.list) {
        const bool usual = server.name == servers.usual;
        objects.push_back(json_of(server, usual));
        table.add({{server.name, Colour::plain},
                   {printable(server.address), Colour::plain},
                   {server.tls ? "yes" : "no", Colour::plain},
                   {printable(server.token_file), Colour::plain},
                   {usual ? "default" : "", Colour::dim}});
    }
    put(json ? JsonObject().field("file", servers.file).field("servers", objects).text() + "\n"
             : table.text(stdout_wants_colour()));
    return exit_ok;
}

}  // namespace

Result<std::string> choose_server(Options& options, bool server_given) {
    const auto servers = read_configuration(options);
    if (!servers) return servers.error();
    if (server_given && !options.fleet.empty())
        return configuration_error(
            "--server and --fleet (or VSERD_ADDRESS and VSERD_FLEET) exclude each other; give one");
    if (!server_given && (!options.fleet.empty() || (servers->usual.empty() && !servers->fleet.entries.empty())))
        return use_fleet(servers->fleet, options);
    if (std::holds_alternative<FleetCommand>(options.command))
        return configuration_error(
            "no fleet is named; give bridges of it or its etcd with --fleet, or as 'entry' of [fleet] in " +
            (servers->file.empty() ? std::string("vserctl's configuration") : servers->file));
    if (auto done = check_no_etcd(options); !done) return std::move(done).error();
    options.asked_server = server_given || servers->usual.empty() ? options.server : servers->usual;
    const NamedServer* const named = servers->find(server_given ? options.server : servers->usual);
    if (named != nullptr) {
        options.server = named->address;
        use_access(*named, options);
    }
    auto address = parse_server(options.server);
    if (!address) return std::move(address).error();
    options.server = *std::move(address);
    options.tls = options.tls || !options.tls_ca_file.empty() || !options.tls_certificate_file.empty();
    auto warning = take_token(named != nullptr ? named->token_file : std::string(), options);
    if (warning && !options.token.empty() && !options.tls && !options.server.starts_with("unix:")) {
        return configuration_error(
            fmt::format("the token is not sent to {} without encryption; connect with TLS (--tls or --tls-ca), "
                        "or over a Unix socket",
                        options.server));
    }
    return warning;
}

vser::client::ConnectOptions connect_options(const Options& options) {
    vser::client::ConnectOptions connect;
    if (options.timeout) connect.connect_timeout = connect.call_timeout = *options.timeout;
    connect.tls = options.tls;
    connect.tls_ca_file = options.tls_ca_file;
    connect.tls_certificate_file = options.tls_certificate_file;
    connect.tls_key_file = options.tls_key_file;
    connect.tls_name = options.tls_name;
    connect.token = options.token;
    return connect;
}

int run_config(const ConfigCommand& command, const Options& options) {
    const auto servers = read_configuration(options);
    if (!servers) return print_error(servers.error(), options.json);
    if (command.action == "list") return list_servers(*servers, options.json);
    const std::string& name = command.name.empty() ? servers->usual : command.name;
    const NamedServer* const server = servers->find(name);
    if (server == nullptr) {
        return print_error(name.empty() ? "there is no default server; name one: vserctl config show NAME"
                                        : fmt::format("there is no [server.{}] in {}", printable(name), servers->file),
                           options.json);
    }
    put(options.json ? json_of(*server, name == servers->usual).text() + "\n" : toml_of(*server));
    return exit_ok;
}

}  // namespace vserctl
