#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "access/identity.hpp"

namespace vserd::hub {

/// The client of a session.
struct Client {
    access::Identity identity = {};
    std::string_view via = "";  ///< the face: "grpc", "web", "raw", "telnet", "rfc2217"; static
    std::string peer = {};      ///< the address of the connection
    std::string name = {};      ///< chosen by the client, safe to show to others; empty: none
};
using ClientRef = std::shared_ptr<const Client>;

/// The name that other clients see.
std::string shown_name(const Client& client);

/// Whose limits apply to a client without a connection of gRPC: "web token:ci-1", or the machine it connects from: "web 192.0.2.7".
std::string account_of(const Client& client);

}  // namespace vserd::hub
