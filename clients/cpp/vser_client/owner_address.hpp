#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vser_client/fleet.hpp"

namespace vser::client {

/// The host of "HOST:PORT" or "[IPV6]:PORT", without brackets; empty if it is anything else, such as a path or an URI.
std::string owner_host(std::string_view address);

/// Why nothing may be sent to an owner at this address, or nothing. `tls`: what the fleet says about it.
std::optional<Error> owner_problem(const std::string& address, bool tls, const FleetOptions& options);

}  // namespace vser::client
