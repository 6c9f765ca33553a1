#pragma once

#include <cstdint>

namespace vserd::net {

/// What the kernel has moved on a TCP connection.
struct TcpTraffic {
    bool open = false;           ///< neither shut down here nor reset
    bool peer_open = false;      ///< and the peer may still send
    std::uint64_t received = 0;  ///< and read by the process
    std::uint64_t sent = 0;      ///< and acknowledged by the peer
};
/// Not open for what is not TCP.
TcpTraffic tcp_traffic(int fd) noexcept;

}  // namespace vserd::net
