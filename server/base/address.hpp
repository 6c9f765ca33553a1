#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vserd::base {

inline constexpr std::size_t unix_path_bytes_max = 107;  ///< sockaddr_un, less its terminator

/// An address to listen on.
struct Address {
    std::string host;  ///< without brackets; the path of a Unix socket
    std::uint16_t port = 0;
    bool unix_socket = false;
    bool local = false;  ///< only this machine can reach it; a name other than "localhost" counts as remote

    friend bool operator==(const Address&, const Address&) = default;
};

/// "HOST:PORT", "[IPV6]:PORT" or "unix:/PATH". Port 0 means a free one. Resolves no names. Fails with
/// Failure::invalid_argument and a message that shows the grammar.
Result<Address> parse_address(std::string_view text);

}  // namespace vserd::base
