#include "tcp/stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace vserd::tcp {
namespace {

constexpr std::size_t discarded_bytes_max = 16384;
constexpr int discarding_reads_max = 16;

}  // namespace

bool Stream::timed_out() {
    pollfd state{fd(), 0, 0};
    if (::poll(&state, 1, 0) <= 0 || (state.revents & POLLERR) == 0) return false;
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ETIMEDOUT;
}

Stream::Moved PlainStream::read(std::span<std::byte> space) {
    ssize_t result = 0;
    do result = ::recv(fd(), space.data(), space.size(), 0);
    while (result < 0 && errno == EINTR);
    if (result > 0) {
        const auto size = static_cast<std::size_t>(result);
        return {Outcome::moved, size, size < space.size()};
    }
    if (result == 0) return {Outcome::ended};
    return {errno == EAGAIN ? Outcome::wait_readable : Outcome::failed};
}

Stream::Moved PlainStream::write(std::span<const iovec> pieces) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    ssize_t result = 0;
    do result = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    if (result >= 0) return {Outcome::moved, static_cast<std::size_t>(result)};
    if (errno == EPIPE || errno == ECONNRESET) return {Outcome::ended};
    return {errno == EAGAIN ? Outcome::wait_writable : Outcome::failed};
}

/// Unread input would make the kernel reset the connection, and the peer would lose our last bytes.
void PlainStream::shut_down() noexcept {
    ::shutdown(fd(), SHUT_WR);
    std::array<std::byte, discarded_bytes_max> discarded;
    for (int reads = 0; reads < discarding_reads_max; ++reads) {
        if (::recv(fd(), discarded.data(), discarded.size(), 0) <= 0) return;
    }
}

}  // namespace vserd::tcp
