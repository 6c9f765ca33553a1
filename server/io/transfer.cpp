#include "io/transfer.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "io/engine.hpp"

namespace vserd::io {
namespace {

/// Bytes or a negative errno.
ssize_t read_once(int fd, std::byte* data, std::size_t size) noexcept {
    ssize_t got = 0;
    do {
        got = ::read(fd, data, size);
    } while (got < 0 && errno == EINTR);
    return got >= 0 ? got : -errno;
}

bool means_later(ssize_t result) noexcept { return result == -EAGAIN || result == -EWOULDBLOCK; }

}  // namespace

Result<void> check_nonblocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) return errno_error(fmt::format("attach descriptor {}", fd));
    if ((flags & O_NONBLOCK) == 0) {
        return Error{Failure::invalid_argument, EINVAL, "fd", "attach: open the descriptor with O_NONBLOCK"};
    }
    return {};
}

Error too_many_descriptors() {
    return {Failure::exhausted, 0, "slots_max",
            fmt::format("attach: the engine already serves the maximum of {} descriptors", slots_max)};
}

bool reads_as_stream(int fd) noexcept {
    termios tty{};
    if (::tcgetattr(fd, &tty) == 0) return (tty.c_lflag & ICANON) == 0;
    int type = 0;
    socklen_t length = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0) return type == SOCK_STREAM;
    struct stat status {};
    return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

Transfer read_outcome(ssize_t result, std::size_t wanted, bool stream) noexcept {
    if (means_later(result)) return {-EAGAIN, true};
    if (result == -EIO) return {0, false};
    const auto size = static_cast<std::size_t>(result);
    return {result, stream && result > 0 && size < std::min(wanted, read_gather_threshold_bytes)};
}

Transfer write_outcome(ssize_t result) noexcept {
    return result == 0 || means_later(result) ? Transfer{-EAGAIN, true} : Transfer{result, false};
}

Transfer read_gather(int fd, std::byte* data, std::size_t size, bool stream) noexcept {
    const std::size_t wanted = std::min(size, read_gather_bytes_max);
    const Transfer first = read_outcome(read_once(fd, data, wanted), wanted, stream);
    if (first.result < static_cast<ssize_t>(read_gather_threshold_bytes)) return first;

    auto total = static_cast<std::size_t>(first.result);
    while (total < wanted) {
        const ssize_t more = read_once(fd, data + total, wanted - total);
        // Return the bytes first; the next read finds the error or the end again.
        if (more <= 0) return {static_cast<ssize_t>(total), means_later(more)};
        total += static_cast<std::size_t>(more);
    }
    return {static_cast<ssize_t>(total), false};
}

Transfer write_once(int fd, const std::byte* data, std::size_t size) noexcept {
    ssize_t put = 0;
    do {
        put = ::write(fd, data, size);
    } while (put < 0 && errno == EINTR);
    return write_outcome(put >= 0 ? put : -errno);
}

}  // namespace vserd::io
