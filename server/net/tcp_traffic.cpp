#include "net/tcp_traffic.hpp"

// This file is separate because <linux/tcp.h> cannot be included with <netinet/tcp.h>, which lacks the byte counts.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace vserd::net {
namespace {

// From the kernel's include/net/tcp_states.h.
constexpr int state_established = 1;
constexpr int state_close_wait = 8;

}  // namespace

TcpTraffic tcp_traffic(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return {};
    const bool open = info.tcpi_state == state_established || info.tcpi_state == state_close_wait;
    int unread = 0;
    ::ioctl(fd, FIONREAD, &unread);
    const std::uint64_t received = info.tcpi_bytes_received;
    const auto waiting = std::min(received, static_cast<std::uint64_t>(std::max(unread, 0)));
    return {open, info.tcpi_state == state_established, received - waiting, info.tcpi_bytes_acked};
}

}  // namespace vserd::net
