#include "vser_client/owner_address.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>

namespace vser::client {
namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view name_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
constexpr std::string_view ipv6_characters = "0123456789abcdefABCDEF:.";
/// gRPC takes what begins with these and a colon for something else than a host and a port.
constexpr std::array<std::string_view, 9> schemes{
    "dns", "unix", "unix-abstract", "ipv4", "ipv6", "vsock", "xds", "google-c2p", "google-c2p-experimental"};

bool consists_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    return out;
}

bool is_host(std::string_view host) {
    return consists_of(host, name_characters) && std::ranges::find(schemes, in_lower_case(host)) == schemes.end();
}

bool allowed(const std::string& host, const std::vector<std::string>& globs) {
    return globs.empty() || std::ranges::any_of(globs, [&](const std::string& glob) {
               return ::fnmatch(in_lower_case(glob).c_str(), in_lower_case(host).c_str(), 0) == 0;
           });
}

Error problem(Code code, const char* reason, std::string message) {
    return {.code = code, .message = std::move(message), .reason = reason};
}

}  // namespace

std::string owner_host(std::string_view address) {
    const auto colon = address.rfind(':');
    if (colon == std::string_view::npos || !consists_of(address.substr(colon + 1), digits)) return {};
    const std::string_view host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        const std::string_view inner = host.substr(1, host.size() - 2);
        return consists_of(inner, ipv6_characters) ? std::string(inner) : std::string();
    }
    return is_host(host) ? std::string(host) : std::string();
}

std::optional<Error> owner_problem(const std::string& address, bool tls, const FleetOptions& options) {
    const std::string host = owner_host(address);
    if (host.empty()) {
        return problem(Code::failed_precondition, "FLEET_ADDRESS",
                       "the fleet gives '" + address.substr(0, 100) +
                           "' as the address of the bridge, which is not HOST:PORT; set 'advertise' in its [fleet]");
    }
    if (!allowed(host, options.hosts)) {
        return problem(Code::permission_denied, "FLEET_HOST",
                       "the fleet gives " + address +
                           " as the address of the bridge, but 'hosts' of the client does not allow that host");
    }
    if (options.connect.token.empty() || options.connect.tls) return std::nullopt;
    return problem(Code::invalid_argument, "TOKEN_NEEDS_TLS",
                   "the token is not sent to " + address +
                       (tls ? " because TLS is not configured here; connect with TLS"
                            : " without encryption; connect with TLS, which that bridge must serve"));
}

}  // namespace vser::client
