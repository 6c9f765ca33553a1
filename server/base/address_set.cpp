#include "base/address_set.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

namespace vserd::base {
namespace {

in6_addr mapped(in_addr address) {
    in6_addr result{};
    result.s6_addr[10] = result.s6_addr[11] = 0xff;
    std::memcpy(&result.s6_addr[12], &address, sizeof address);
    return result;
}

/// As getaddrinfo() reads it: IPv4 may have fewer than four parts, such as "127.1".
std::vector<in6_addr> hosts_of(const std::string& host) {
    if (host == "localhost") return {mapped({htonl(INADDR_LOOPBACK)}), in6addr_loopback};
    in6_addr v6{};
    if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return {v6};
    in_addr v4{};
    if (inet_aton(host.c_str(), &v4) == 1) return {mapped(v4)};
    return {};
}

bool is_every_v4(const in6_addr& host) { return IN6_IS_ADDR_V4MAPPED(&host) && host.s6_addr32[3] == 0; }

/// Linux serves IPv4 on "[::]" too.
bool covers(const in6_addr& wide, const in6_addr& host) {
    return IN6_IS_ADDR_UNSPECIFIED(&wide) || (is_every_v4(wide) && IN6_IS_ADDR_V4MAPPED(&host)) ||
           IN6_ARE_ADDR_EQUAL(&wide, &host);
}

bool covers_any(const std::vector<in6_addr>& wide, const std::vector<in6_addr>& hosts) {
    return std::any_of(wide.begin(), wide.end(), [&](const in6_addr& each) {
        return IN6_IS_ADDR_UNSPECIFIED(&each) ||
               std::any_of(hosts.begin(), hosts.end(), [&](const in6_addr& host) { return covers(each, host); });
    });
}

}  // namespace

const AddressSet::Entry* AddressSet::add(const std::string& text, const Address& address, std::string place) {
    if (address.port == 0 && !address.unix_socket) return nullptr;
    Entry entry{text, std::move(place), address.host, {}};
    std::string key = std::to_string(address.port);
    if (address.unix_socket) {
        key = entry.host = std::filesystem::path(address.host).lexically_normal().string();
    } else {
        for (char& c : entry.host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        entry.hosts = hosts_of(entry.host);
    }
    const auto [begin, end] = entries_.equal_range(key);
    for (auto each = begin; each != end; ++each) {
        const Entry& other = each->second;
        const bool overlap =
            other.host == entry.host || covers_any(other.hosts, entry.hosts) || covers_any(entry.hosts, other.hosts);
        if (overlap) return &other;
    }
    entries_.emplace(std::move(key), std::move(entry));
    return nullptr;
}

}  // namespace vserd::base
