#include "vserctl/etcd_options.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "base/address.hpp"
#include "base/key_prefix.hpp"
#include "vserctl/servers.hpp"

namespace vserctl {
namespace {

namespace client = vser::client;

constexpr std::size_t etcd_members_max = 16;
constexpr const char* plain_scheme = "etcd://";
constexpr const char* tls_scheme = "etcds://";
constexpr const char* prefix_default = "/vserd/v1";
constexpr const char* member_grammar =
    "write etcd://HOST:2379, or etcds://HOST:2379 for TLS; further members follow behind commas";

/// "etcd://" or "etcds://"; empty: neither.
std::string_view scheme_of(std::string_view text) {
    for (const std::string_view scheme : {plain_scheme, tls_scheme})
        if (text.starts_with(scheme)) return scheme;
    return {};
}

client::Result<EtcdMember> parse_member(std::string_view text, bool tls) {
    const bool has_port = text.find(':', text.starts_with('[') ? text.find(']') : 0) != text.npos;
    std::string address = fmt::format("{}{}", text, has_port ? "" : ":2379");
    const auto parsed = vserd::base::parse_address(address);
    if (!parsed || parsed->unix_socket || parsed->port == 0)
        return configuration_error(fmt::format("the entry of the fleet has '{}', which is not a member of an etcd: {}",
                                               text.substr(0, 100), member_grammar));
    return EtcdMember{(tls ? tls_scheme : plain_scheme) + address, address, tls};
}

std::vector<std::string> split_at_commas(const std::vector<std::string>& entries) {
    std::vector<std::string> parts;
    for (std::string_view rest : entries) {
        for (auto comma = rest.find(','); comma != rest.npos; comma = rest.find(',')) {
            parts.emplace_back(rest.substr(0, comma));
            rest.remove_prefix(comma + 1);
        }
        parts.emplace_back(rest);
    }
    return parts;
}

client::Error needs(std::string_view one, std::string_view other) {
    return configuration_error(fmt::format("{} needs {}", etcd_option_name(one), etcd_option_name(other)));
}

std::optional<client::Error> etcd_problem(const EtcdOptions& etcd) {
    if (etcd.cert.empty() != etcd.key.empty()) return etcd.key.empty() ? needs("cert", "key") : needs("key", "cert");
    if (etcd.user.empty() != etcd.password_file.empty())
        return etcd.user.empty() ? needs("password_file", "user") : needs("user", "password_file");
    if (!vserd::base::is_key_prefix(etcd.prefix))
        return configuration_error(
            fmt::format("{}: '{}' must begin with '/' and not end with it, such as {}, without spaces and at most {} "
                        "bytes; it is 'prefix' in [fleet] of the bridges",
                        etcd_option_name("prefix"), etcd.prefix, prefix_default, vserd::base::key_prefix_bytes_max));
    for (const EtcdMember& member : etcd.members) {
        if (etcd.user.empty() || member.tls || vserd::base::parse_address(member.address)->local) continue;
        return configuration_error(
            fmt::format("the password is not sent to {} without encryption; write {}{}, and "
                        "{} if the system does not trust its certificate",
                        member.url, tls_scheme, member.address, etcd_option_name("ca")));
    }
    return std::nullopt;
}

void take_missing(EtcdOptions& given, const EtcdOptions& named) {
    const bool has_pair = !given.cert.empty() || !given.key.empty();
    for (const EtcdOption& each : etcd_option_list()) {
        if (has_pair && (each.name == "cert" || each.name == "key")) continue;
        if ((given.*each.value).empty()) given.*each.value = named.*each.value;
    }
    if (given.prefix.empty()) given.prefix = prefix_default;
}

}  // namespace

const std::vector<EtcdOption>& etcd_option_list() {
    static const std::vector<EtcdOption> list{
        {"ca", &EtcdOptions::ca, true, "With --fleet etcds://: trust this CA instead of the system's"},
        {"cert", &EtcdOptions::cert, true, "Client certificate to present to etcd"},
        {"key", &EtcdOptions::key, true, "The key of --etcd-cert"},
        {"tls_name", &EtcdOptions::tls_name, false, "The name in etcd's certificate, if not the host of the entry"},
        {"user", &EtcdOptions::user, false, "User of etcd that may read the prefix"},
        {"password_file", &EtcdOptions::password_file, true, "File with the password of --etcd-user"},
        {"prefix", &EtcdOptions::prefix, false, "Where bridges register in etcd (default /vserd/v1)"},
    };
    return list;
}

std::string etcd_option_name(std::string_view name) {
    std::string text = fmt::format("--etcd-{}", name);
    std::ranges::replace(text, '_', '-');
    return text;
}

void add_etcd_options(CLI::App& app, EtcdOptions& options) {
    for (const EtcdOption& each : etcd_option_list()) {
        auto* option = app.add_option(etcd_option_name(each.name), options.*each.value, each.help);
        option->type_name(each.is_path ? "FILE" : "TEXT");
        if (each.is_path) option->check(CLI::ExistingFile.description(""));
    }
}

bool is_etcd_entry(const std::vector<std::string>& entries) {
    return std::ranges::any_of(entries, [](const std::string& entry) { return !scheme_of(entry).empty(); });
}

client::Result<std::vector<EtcdMember>> parse_etcd_entry(const std::vector<std::string>& entries, bool tls) {
    std::vector<EtcdMember> members;
    std::string_view scheme;
    const auto parts = split_at_commas(entries);
    if (parts.size() > etcd_members_max)
        return configuration_error(fmt::format("the entry of the fleet names {} members of an etcd; name at most {}",
                                               parts.size(), etcd_members_max));
    for (const std::string& part : parts) {
        const std::string_view own = scheme_of(part);
        if (members.empty()) scheme = own;
        if (scheme.empty() || (!own.empty() && own != scheme))
            return configuration_error(
                fmt::format("the entries of a fleet are either bridges or members of one etcd, all with the same "
                            "scheme, but '{}' is not like the others",
                            part.substr(0, 100)));
        auto member = parse_member(std::string_view(part).substr(own.size()), tls || scheme == tls_scheme);
        if (!member) return std::move(member).error();
        members.push_back(*std::move(member));
    }
    return members;
}

client::Result<> complete_etcd(EtcdOptions& given, const EtcdOptions& named, const std::vector<std::string>& entries) {
    take_missing(given, named);
    const bool tls = !given.ca.empty() || !given.cert.empty() || !given.key.empty() || !given.tls_name.empty();
    auto members = parse_etcd_entry(entries, tls);
    if (!members) return std::move(members).error();
    given.members = *std::move(members);
    if (auto problem = etcd_problem(given)) return *std::move(problem);
    return client::Done{};
}

std::optional<std::string> any_etcd_option(const EtcdOptions& options) {
    for (const EtcdOption& each : etcd_option_list())
        if (!(options.*each.value).empty()) return etcd_option_name(each.name);
    return std::nullopt;
}

}  // namespace vserctl
