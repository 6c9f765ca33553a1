#include "integration/vserctl_relay.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace vserd::test {
namespace {

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

int listen_on(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(path);
    if (::bind(fd, generic(address), sizeof address) != 0 || ::listen(fd, 16) != 0) {
        throw std::system_error(errno, std::generic_category(), "relay");
    }
    return fd;
}

}  // namespace

Relay::Relay(std::string listen_path, std::string target_path)
    : target_path_(std::move(target_path)), listener_(listen_on(listen_path)), serving_([this] { serve(); }) {}

Relay::~Relay() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    serving_.join();
    cut();
    for (auto& thread : passing_) thread.join();
    for (const int fd : sockets_) ::close(fd);
    ::close(listener_);
}

void Relay::cut() {
    const std::lock_guard lock(mutex_);
    for (const int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
}

void Relay::serve() {
    while (!stopping_) {
        const int near = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (near < 0) continue;
        const int far = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = address_of(target_path_);
        const bool connected = !refusing_ && ::connect(far, generic(address), sizeof address) == 0;
        if (!connected) {
            ::close(near);
            ::close(far);
            continue;
        }
        const std::lock_guard lock(mutex_);
        sockets_.insert(sockets_.end(),
                        {near, far});  // closed at the end only, so that cut() cannot hit a reused number
        passing_.emplace_back([this, near, far] { pass(near, far); });
        passing_.emplace_back([this, near, far] { pass(far, near); });
    }
}

void Relay::pass(int from, int to) {
    std::array<char, 16384> buffer;
    for (;;) {
        const auto count = ::recv(from, buffer.data(), buffer.size(), 0);
        if (count <= 0) break;
        for (ssize_t sent = 0; sent < count;) {
            const auto more = ::send(to, buffer.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
            if (more <= 0) return;
            sent += more;
        }
    }
    ::shutdown(to, SHUT_RDWR);
}

}  // namespace vserd::test
