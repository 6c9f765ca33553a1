#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/role.hpp"

namespace vserd::tcp {

enum class Protocol : std::uint8_t { raw, telnet, rfc2217 };
enum class Mode : std::uint8_t { read_only, read_write, exclusive };

constexpr std::string_view to_string(Protocol protocol) noexcept {
    switch (protocol) {
        case Protocol::raw: return "raw";
        case Protocol::telnet: return "telnet";
        case Protocol::rfc2217: break;
    }
    return "rfc2217";
}

/// One [[port.listen]]: the address for clients of a port, and what they may do.
struct ListenOptions {
    std::string port;
    std::string address;  ///< as net::ListenSocket::open() takes it
    Protocol protocol = Protocol::raw;
    Mode mode = Mode::read_write;
    std::uint64_t replay_bytes = 0;  ///< of the log, for each client that connects
    std::uint32_t clients_max = 16;
    bool tls = false;
    std::optional<access::Role> role = std::nullopt;  ///< what everybody who connects here may do, with [access]

    friend bool operator==(const ListenOptions&, const ListenOptions&) = default;
};

}  // namespace vserd::tcp
