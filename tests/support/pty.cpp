#include "support/pty.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <stdexcept>
#include <system_error>

namespace vserd::test {
namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds left_until(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    return std::max(left, std::chrono::milliseconds{0});
}

[[noreturn]] void give_up(const char* what, std::size_t done, std::size_t wanted) {
    throw std::runtime_error(std::string{what} + " gave up after " + std::to_string(done) + " of " +
                             std::to_string(wanted) + " bytes");
}

}  // namespace

io::Pty open_pty() {
    auto pty = io::open_pty();
    if (!pty) throw std::runtime_error(pty.error().message);
    return std::move(*pty);
}

bool wait_for(int fd, short events, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    for (;;) {
        pollfd wait{.fd = fd, .events = events, .revents = 0};
        const int ready = ::poll(&wait, 1, static_cast<int>(left_until(deadline).count()));
        if (ready > 0) return true;
        if (ready == 0) return false;
        if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    }
}

void write_all(int fd, std::string_view bytes, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t put = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (put > 0) {
            done += static_cast<std::size_t>(put);
        } else if (put < 0 && errno != EAGAIN && errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), "write");
        } else if (!wait_for(fd, POLLOUT, left_until(deadline))) {
            give_up("write_all", done, bytes.size());
        }
    }
}

std::string read_exactly(int fd, std::size_t size, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    std::string bytes(size, '\0');
    std::size_t done = 0;
    while (done < size) {
        const ssize_t got = ::read(fd, bytes.data() + done, size - done);
        if (got > 0) {
            done += static_cast<std::size_t>(got);
        } else if (got == 0 || errno == EIO) {
            break;
        } else if (errno != EAGAIN && errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), "read");
        } else if (!wait_for(fd, POLLIN, left_until(deadline))) {
            give_up("read_exactly", done, size);
        }
    }
    bytes.resize(done);
    return bytes;
}

std::string pattern(std::size_t size, unsigned seed) {
    std::minstd_rand random{seed};
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random() >> 8);
    return bytes;
}

}  // namespace vserd::test
