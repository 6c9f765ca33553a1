#include "net/client_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "net/acceptor.hpp"

namespace vserd::net {
namespace {

/// An idle peer is probed after this time.
constexpr unsigned keepalive_idle_seconds = 20;
constexpr unsigned keepalive_interval_seconds = 10;
constexpr unsigned unanswered_limit_ms = 60'000;

void set_number(int fd, int level, int option, unsigned value) {
    ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

void set_client_options(int fd) {
    set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_seconds);
    set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_seconds);
    set_number(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, unanswered_limit_ms);
}

bool is_beyond_descriptors(int fd) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return false;
    return static_cast<std::uint64_t>(fd) >= descriptors_usable(limit.rlim_cur);
}

}  // namespace vserd::net
