#include "vserctl/lease_environment.hpp"

#include <charconv>
#include <cstdlib>

namespace vserctl {
namespace client = vser::client;

client::Result<PresentedLease> parse_lease(std::string_view text) {
    const auto colon = text.rfind(':');
    PresentedLease lease;
    if (colon != std::string_view::npos && colon > 0) {
        const char* const end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data() + colon + 1, end, lease.id);
        lease.port = text.substr(0, colon);
        if (parsed.ec == std::errc{} && parsed.ptr == end && lease.id != 0) return lease;
    }
    return client::Error{.code = client::Code::invalid_argument,
                         .message = "'" + std::string(text) +
                                    "' is not a lease; it must be PORT:ID, as vserctl lease "
                                    "prints it",
                         .reason = "USAGE",
                         .metadata = {}};
}

std::string lease_text(const std::string& port, std::uint64_t id) { return port + ":" + std::to_string(id); }

client::Result<std::optional<PresentedLease>> lease_from_environment() {
    const char* const text = std::getenv(lease_variable);
    if (text == nullptr || *text == '\0') return std::optional<PresentedLease>{};
    auto lease = parse_lease(text);
    if (!lease) {
        auto error = std::move(lease).error();
        error.message = std::string(lease_variable) + ": " + error.message;
        return error;
    }
    return std::optional{*std::move(lease)};
}

client::Result<client::Client> connect_client(const std::string& server, const client::ConnectOptions& options) {
    auto lease = lease_from_environment();
    if (!lease) return std::move(lease).error();
    auto connected = client::Client::connect(server, options);
    if (!connected || !*lease) return connected;
    return connected->with_lease((*lease)->port, (*lease)->id);
}

}  // namespace vserctl
