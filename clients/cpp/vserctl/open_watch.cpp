#include "vserctl/open_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace vserctl {

OpenWatch::OpenWatch(const std::string& path) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "inotify (see fs.inotify.max_user_instances)");
    if (::inotify_add_watch(fd_, path.c_str(), IN_OPEN | IN_CLOSE) < 0) {
        const int error = errno;
        ::close(fd_);
        throw std::system_error(error, std::generic_category(), "inotify: " + path);
    }
}

OpenWatch::~OpenWatch() { ::close(fd_); }

OpenWatch::Change OpenWatch::update() {
    Change change;
    std::array<char, 4096> buffer;
    for (;;) {
        const auto count = ::read(fd_, buffer.data(), buffer.size());
        if (count <= 0) return change;
        for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            at += sizeof event + event.len;
            if ((event.mask & IN_OPEN) != 0) {
                ++open_;
                change.opened = true;
            } else if ((event.mask & IN_CLOSE) != 0 && open_ > 0 && --open_ == 0) {
                change.closed = true;
            }
        }
    }
}

}  // namespace vserctl
