#include "base/address.hpp"

#include <fmt/core.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace vserd::base {
namespace {

Error invalid(std::string message) { return {Failure::invalid_argument, 0, {}, std::move(message)}; }

std::string quoted(std::string_view text) { return fmt::format("'{}'", text); }

bool is_host_name(std::string_view host) {
    return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '_';
    });
}

bool is_local_v4(const std::string& host) {
    in_addr address{};
    return inet_pton(AF_INET, host.c_str(), &address) == 1 && (ntohl(address.s_addr) >> 24) == 127;
}

bool is_local_v6(const in6_addr& address) {
    return IN6_IS_ADDR_LOOPBACK(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
}

Result<Address> parse_unix(std::string_view text) {
    const std::string_view path = text.substr(5);
    if (path.empty() || path.front() != '/')
        return invalid(fmt::format("the path of {} must be absolute: unix:/PATH", quoted(text)));
    if (path.size() > unix_path_bytes_max) {
        return invalid(fmt::format("the path of a Unix socket may have {} bytes, this one has {}", unix_path_bytes_max,
                                   path.size()));
    }
    if (std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return invalid("the path of a Unix socket must not hold control characters");
    return Address{std::string(path), 0, true, true};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return port;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (text.starts_with("unix:")) return parse_unix(text);
    const std::string grammar = "; write \"HOST:PORT\", \"[IPV6]:PORT\" or \"unix:/PATH\"";
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return invalid(fmt::format("{} has no port{}", quoted(text), grammar));
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return invalid(fmt::format("the port of {} must be a number from 0 to 65535{}", quoted(text), grammar));

    const std::string host(text.substr(0, colon));
    if (host.starts_with('[') && host.ends_with(']')) {
        const std::string inner = host.substr(1, host.size() - 2);
        in6_addr address{};
        if (inner.find('\0') != std::string::npos || inet_pton(AF_INET6, inner.c_str(), &address) != 1) {
            return invalid(fmt::format("the host of {} is not an IPv6 address{}", quoted(text), grammar));
        }
        return Address{inner, *port, false, is_local_v6(address)};
    }
    if (host.find(':') != std::string::npos)
        return invalid(fmt::format("the IPv6 address of {} needs brackets{}", quoted(text), grammar));
    if (!is_host_name(host))
        return invalid(fmt::format("the host of {} is not a name or an address{}", quoted(text), grammar));
    return Address{host, *port, false, host == "localhost" || is_local_v4(host)};
}

}  // namespace vserd::base
