#pragma once

#include <cstdint>

namespace vserd::net {

/// The kernel's counters for a TCP connection.
struct TcpTraffic {
    bool open = false;           ///< neither shut down on this side nor reset
    bool peer_open = false;      ///< `open`, and the peer has not closed its side
    std::uint64_t received = 0;  ///< bytes that this process has read
    std::uint64_t sent = 0;      ///< bytes that the peer has acknowledged
};
/// `open` is false if the descriptor is not TCP.
TcpTraffic tcp_traffic(int fd) noexcept;

}  // namespace vserd::net
