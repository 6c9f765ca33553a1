#include "config/values.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "config/limits.hpp"

namespace vserd::config {
namespace {

Error invalid(std::string message) { return {Failure::invalid_argument, 0, {}, std::move(message)}; }

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

constexpr std::array<Unit, 4> size_units{{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}};
constexpr std::array<Unit, 5> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}}};

/// A whole number and one of `units`, multiplied. Nothing: not of that form, or too large for 63 bits.
template <std::size_t Count>
std::optional<std::int64_t> with_unit(std::string_view text, const std::array<Unit, Count>& units) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == suffix; });
    if (unit == units.end() || number > std::numeric_limits<std::int64_t>::max() / unit->factor) return std::nullopt;
    return number * unit->factor;
}

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
        return invalid("the path of " + quoted(text) + " must be absolute: unix:/PATH");
    if (path.size() > unix_path_bytes_max) {
        return invalid("the path of a Unix socket may have " + std::to_string(unix_path_bytes_max) +
                       " bytes, this one has " + std::to_string(path.size()));
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

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

}  // namespace

Result<std::int64_t> parse_size(std::string_view text) {
    if (const auto bytes = with_unit(text, size_units)) return *bytes;
    return invalid(quoted(text) + " is not a size; write a whole number with B, KiB, MiB or GiB, such as \"64KiB\"");
}

std::string size_text(std::int64_t bytes) {
    const auto unit = std::find_if(size_units.begin(), size_units.end(),
                                   [&](const Unit& u) { return bytes >= u.factor && bytes % u.factor == 0; });
    return unit == size_units.end() ? "0B" : std::to_string(bytes / unit->factor) + std::string(unit->name);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    if (const auto milliseconds = with_unit(text, duration_units)) return std::chrono::milliseconds{*milliseconds};
    return invalid(quoted(text) + " is not a duration; write a whole number with ms, s, min or h, such as \"5s\"");
}

Result<Address> parse_address(std::string_view text) {
    if (text.starts_with("unix:")) return parse_unix(text);
    const std::string grammar = "; write \"HOST:PORT\", \"[IPV6]:PORT\" or \"unix:/PATH\"";
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return invalid(quoted(text) + " has no port" + grammar);
    const auto port = parse_port(text.substr(colon + 1));
    if (!port) return invalid("the port of " + quoted(text) + " must be a number from 0 to 65535" + grammar);

    const std::string host(text.substr(0, colon));
    if (host.starts_with('[') && host.ends_with(']')) {
        const std::string inner = host.substr(1, host.size() - 2);
        in6_addr address{};
        if (inet_pton(AF_INET6, inner.c_str(), &address) != 1) {
            return invalid("the host of " + quoted(text) + " is not an IPv6 address" + grammar);
        }
        return Address{inner, *port, false, is_local_v6(address)};
    }
    if (host.find(':') != std::string::npos)
        return invalid("the IPv6 address of " + quoted(text) + " needs brackets" + grammar);
    if (!is_host_name(host)) return invalid("the host of " + quoted(text) + " is not a name or an address" + grammar);
    return Address{host, *port, false, host == "localhost" || is_local_v4(host)};
}

std::string_view closest(std::string_view text, const std::vector<std::string_view>& candidates) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, std::min<std::size_t>(3, text.size() / 2)) + 1;
    for (const std::string_view candidate : candidates) {
        if (candidate.size() > text.size() + 3 || text.size() > candidate.size() + 3) continue;
        const std::size_t distance = edit_distance(text, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string one_of(const std::vector<std::string_view>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

}  // namespace vserd::config
