#include "vserctl/open_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace vserctl {
namespace {

/// How many descriptors of other processes refer to the file, as far as this user may see them.
std::int64_t opens_of_others(const std::string& path) {
    namespace fs = std::filesystem;
    std::int64_t count = 0;
    std::error_code ignored;
    for (const auto& process : fs::directory_iterator("/proc", ignored)) {
        const auto name = process.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos || name == std::to_string(::getpid())) continue;
        std::error_code ended;
        for (fs::directory_iterator each(process.path() / "fd", ended), end; !ended && each != end;
             each.increment(ended)) {
            std::error_code closed;
            if (fs::read_symlink(each->path(), closed) == path) ++count;
        }
    }
    return count;
}

}  // namespace

OpenWatch::OpenWatch(const std::string& path) : path_(path), fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
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
    bool some_closed = false;
    const bool was_open = is_open();
    std::array<char, 4096> buffer;
    for (;;) {
        const auto count = ::read(fd_, buffer.data(), buffer.size());
        if (count <= 0) break;
        for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
            inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof event);
            at += sizeof event + event.len;
            if ((event.mask & IN_OPEN) != 0) {
                ++open_;
                change.opened = true;
            } else if ((event.mask & IN_CLOSE) != 0) {
                some_closed = true;
                if (open_ > 0 && --open_ == 0) change.closed = true;
            }
        }
    }
    if (!some_closed) return change;
    const std::int64_t seen = opens_of_others(path_);
    if (seen > 0 || ::geteuid() == 0) open_ = seen;
    change.closed = is_open() ? change.closed && change.opened : was_open || change.opened;
    return change;
}

}  // namespace vserctl
