#include "config/port_listen.hpp"

#include <fmt/core.h>

#include <utility>

#include "base/address.hpp"
#include "config/access_table.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

constexpr const char* heading = "[[port.listen]]";

/// Checks an address beyond its syntax.
void check_address(Table& table, const Located<std::string>& text, const base::Address& address,
                   base::AddressSet& taken) {
    const auto* other = taken.add(text.value, address, fmt::format("{} in line {}", heading, text.at.line));
    if (other == nullptr) return;
    const std::string overlap = other->text == text.value ? "" : fmt::format(" as '{}'", other->text);
    table.problem(text.at, fmt::format("address '{}' is used already{}, by {}; give this listener another one",
                                       text.value, overlap, other->place));
}

void check_tls(Table& table, const Located<std::string>& text, const base::Address& address, const Config& server,
               const ListenEntry& entry) {
    if (entry.tls && server.tls_certificate_file.empty()) {
        table.problem(text.at, fmt::format("'tls' in {} needs a certificate: configure [server.tls]", heading));
    } else if (entry.tls && address.unix_socket) {
        table.problem(text.at, fmt::format("'tls' in {} is for TCP; '{}' is a Unix socket", heading, text.value));
    } else if (!entry.tls && !address.local && !server.allow_insecure_remote) {
        table.problem(
            text.at,
            fmt::format("'{}' is reachable from other machines without TLS; configure [server.tls] and set tls = true "
                        "here, or set allow_insecure_remote = true in [server]",
                        text.value));
    } else if (!address.local && !server.allow_insecure_remote && !entry.role && !has_rules(server)) {
        table.problem(text.at,
                      fmt::format("'{}' is reachable from other machines, and no rule says who may do what; add an "
                                  "[[access.rule]], or set allow_insecure_remote = true in [server]",
                                  text.value));
    }
}

void read_words(Table& table, ListenEntry& entry) {
    if (!table.has("protocol")) {
        table.problem(table.at(), fmt::format("{} needs 'protocol': raw, telnet or rfc2217", heading));
    }
    if (const auto word = table.word("protocol", {"raw", "telnet", "rfc2217"})) entry.protocol = word->value;
    if (const auto word = table.word("mode", {"read-only", "read-write", "exclusive"})) entry.mode = word->value;
}

ListenEntry read_listen(const toml::table& source, const Config& server, base::AddressSet& taken, Problems& problems) {
    Table table(source, heading, problems);
    ListenEntry entry;
    if (!table.has("address")) table.problem(table.at(), fmt::format("{} needs 'address'", heading));
    const auto text = table.string("address");
    read_words(table, entry);
    if (const auto bytes = table.size("replay", 0, history_bytes_max)) {
        entry.replay_bytes = static_cast<std::uint64_t>(bytes->value);
    }
    if (const auto clients = table.integer("clients_max", listen_clients_min, listen_clients_max)) {
        entry.clients_max = static_cast<std::uint32_t>(clients->value);
    }
    if (const auto on = table.boolean("tls")) entry.tls = on->value;
    if (const auto role = read_role(table)) {
        entry.role = role->value;
        if (!server.access)
            table.problem(role->at, fmt::format("'role' in {} needs [access]: without it everybody may do everything; "
                                                "'mode' limits what clients may do",
                                                heading));
    }
    table.finish();
    if (!text) return entry;
    entry.address = text->value;
    const auto address = base::parse_address(text->value);
    if (!address) {
        table.problem(text->at, fmt::format("'address' in {}: {}", heading, address.error().message));
        return entry;
    }
    check_address(table, *text, *address, taken);
    check_tls(table, *text, *address, server, entry);
    return entry;
}

}  // namespace

std::vector<ListenEntry> read_port_listen(Table& port, const Config& server, base::AddressSet& taken,
                                          Problems& problems) {
    std::vector<ListenEntry> entries;
    port.tables("listen", [&](const toml::table& table) {
        entries.push_back(read_listen(table, server, taken, problems));
        if (entries.size() == port_listen_max + 1) {
            problems.add(table.source().begin, fmt::format("a port may have {} of {}", port_listen_max, heading));
        }
    });
    return entries;
}

}  // namespace vserd::config
