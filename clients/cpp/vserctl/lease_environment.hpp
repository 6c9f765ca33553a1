#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vser_client/client.hpp"

namespace vserctl {

/// The variable with the lease that `vserctl lease` acquired: "PORT:ID". Every command of vserctl on that port presents it.
inline constexpr const char* lease_variable = "VSERD_LEASE";

struct PresentedLease {
    std::string port;
    std::uint64_t id = 0;
};

/// Parses "PORT:ID".
vser::client::Result<PresentedLease> parse_lease(std::string_view text);
/// "PORT:ID".
std::string lease_text(const std::string& port, std::uint64_t id);
/// What the variable says; nothing if it is unset or empty.
vser::client::Result<std::optional<PresentedLease>> lease_from_environment();

/// Connects. The client presents the lease of the environment.
vser::client::Result<vser::client::Client> connect_client(const std::string& server,
                                                          const vser::client::ConnectOptions& options);

}  // namespace vserctl
