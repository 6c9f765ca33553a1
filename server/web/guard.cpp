#include "web/guard.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hpp"
#include "net/listen_socket.hpp"

namespace vserd::web {
namespace {

constexpr std::size_t shown_bytes_max = 100;

/// A header for a sentence that its sender reads.
std::string shown(std::string_view text) { return base::printable_text(text.substr(0, shown_bytes_max)); }

}  // namespace

std::string_view without_port(std::string_view host) {
    const std::size_t colon = host.rfind(':');
    if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos) return host;
    return host.substr(0, colon);
}

Guard::Guard(const std::vector<std::string>& listen, const std::vector<std::string>& hosts) {
    hosts_.push_back({"localhost", ""});
    for (const std::string& each : listen) {
        if (!net::is_unix(each)) hosts_.push_back({lower(without_port(each)), ""});
    }
    for (const std::string& each : hosts) {
        const std::size_t scheme = each.find("://");
        if (scheme == std::string::npos) {
            hosts_.push_back({each, ""});
        } else {
            hosts_.push_back({each.substr(scheme + 3), each.substr(0, scheme)});
        }
    }
}

/// The entry with the port, or else the one without. The last one counts: it may have a scheme.
const Guard::Host* Guard::find(std::string_view host) const {
    const Host* found = nullptr;
    for (const Host& each : hosts_) {
        if (each.name == host || each.name == without_port(host)) found = &each;
    }
    return found;
}

std::optional<Response> Guard::check_host(const Request& request, const Peer& peer) const {
    if (request.count("host") != 1) return plain(400, "send one Host header");
    const std::string host = lower(*request.header("host"));
    if (find(host) != nullptr || without_port(host) == peer.local_host) return std::nullopt;
    return plain(
        421,
        fmt::format("this server does not answer to the name \"{}\"; if it is one of its names, add it to `hosts` in "
                    "[web] of the configuration of vserd",
                    shown(host)));
}

std::optional<Response> Guard::check_origin(const Request& request, const Peer& peer) const {
    const auto origin = request.header("origin");
    if (!origin) return std::nullopt;
    const std::string host = lower(request.header("host").value_or(""));
    const Host* const known = find(host);
    const bool has_scheme = known != nullptr && !known->scheme.empty();
    const std::string scheme = has_scheme ? known->scheme : peer.is_tls ? "https" : "http";
    if (request.count("origin") == 1 && lower(*origin) == fmt::format("{}://{}", scheme, host)) return std::nullopt;
    return plain(
        403,
        fmt::format("a page of the origin \"{}\" may not use this server, only its own page at {}://{}; behind a proxy "
                    "with TLS, write \"https://{}\" into `hosts` in [web] of the configuration of vserd",
                    shown(*origin), scheme, shown(host), shown(host)));
}

}  // namespace vserd::web
