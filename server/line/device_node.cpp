#include "line/device_node.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/holder.hpp"
#include "base/text.hpp"
#include "line/lock_file.hpp"

namespace vserd::line {
namespace {

/// Finds the process that holds an flock on the node, in /proc/locks: "1: FLOCK  ADVISORY  WRITE 812 00:05:94 0 EOF" (device in
/// hex, then the inode).
std::string find_flock_holder(const struct stat& node) {
    std::ostringstream wanted;
    wanted << std::hex;
    wanted.fill('0');
    wanted.width(2);
    wanted << major(node.st_dev) << ':';
    wanted.width(2);
    wanted << minor(node.st_dev) << std::dec << ':' << node.st_ino;
    std::ifstream locks("/proc/locks");
    for (std::string entry; std::getline(locks, entry);) {
        std::istringstream fields(entry);
        std::string number, kind, mode, access, place;
        pid_t pid = 0;
        fields >> number >> kind >> mode >> access >> pid >> place;
        if (kind == "FLOCK" && place == wanted.str() && pid > 0) return base::describe_process(pid);
    }
    return {};
}

Error busy(const std::string& path, std::string holder) {
    std::string by;
    if (holder.empty()) {
        by = fmt::format("another user's process; `fuser -v {}` as root shows it", path);
    } else if (holder.starts_with(fmt::format("pid {} ", ::getpid()))) {
        by = fmt::format("this server itself, {}: is the device configured twice?", holder);
    } else {
        by = fmt::format("{}; stop it or give the port another device", holder);
    }
    return Error{Failure::io, EBUSY, std::move(holder), fmt::format("{} is in use by {}", path, by)};
}

Error locked(const std::string& path, LockFile lock) {
    std::string message =
        fmt::format("{} is in use by {}, according to the lock file {}; stop it, or remove the file if it is wrong",
                    path, lock.holder, base::printable_text(lock.path));
    return Error{Failure::io, EBUSY, std::move(lock.holder), std::move(message)};
}

std::string group_name(gid_t gid) {
    std::array<char, 4096> buffer{};
    group entry{};
    group* found = nullptr;
    ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? base::printable_text(found->gr_name) : std::to_string(gid);
}

std::string user_name() {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? base::printable_text(found->pw_name) : std::to_string(::geteuid());
}

Error denied(const std::string& path, const struct stat& node) {
    const auto group = group_name(node.st_gid);
    const bool group_may = (node.st_mode & 0060U) == 0060U && node.st_gid != 0;
    const std::string fix =
        group_may
            ? fmt::format("it belongs to group {1}: add user {0} to group {1} (adduser {0} {1}) and restart vserd",
                          user_name(), group)
            : fmt::format(
                  "user {} may not use it: give it to group dialout with a udev rule, and add the user to "
                  "group dialout",
                  user_name());
    return Error{Failure::io, EACCES, "device", fmt::format("{}: permission denied; {}", path, fix)};
}

Error open_error(const std::string& path, const struct stat& node, int error) {
    switch (error) {
        case EACCES:
        case EPERM: return denied(path, node);
        case EBUSY: return busy_error(path, node.st_rdev, -1);
        case EIO:
        case ENXIO:
        case ENODEV: return errno_error(fmt::format("{}: the hardware does not respond", path), error);
        default: return errno_error(path, error);
    }
}

}  // namespace

Error not_a_serial_device(const std::string& path, std::string_view what) {
    return Error{Failure::invalid_argument, ENOTTY, "device", fmt::format("{} is {}, not a serial device", path, what)};
}

Error busy_error(const std::string& path, dev_t device, int own_fd) {
    return busy(path, base::device_holder(device, own_fd));
}

Result<base::Fd> open_device_node(const std::string& path) {
    struct stat node {};
    if (::stat(path.c_str(), &node) != 0) {
        const int error = errno;
        if (error == ENOENT)
            return Error{Failure::io, ENOENT, "device", fmt::format("{}: no such device; is it plugged in?", path)};
        return errno_error(path, error);
    }
    if (S_ISDIR(node.st_mode)) return not_a_serial_device(path, "a directory");
    if (S_ISREG(node.st_mode)) return not_a_serial_device(path, "a regular file");
    if (!S_ISCHR(node.st_mode)) return not_a_serial_device(path, "not a character device");
    if (auto lock = find_lock_file(path)) return locked(path, std::move(*lock));

    base::Fd fd(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return open_error(path, node, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        // Only a held lock means busy. The device can also be used on a file system without flock.
        if (errno != EWOULDBLOCK) return fd;
        auto holder = find_flock_holder(node);
        return holder.empty() ? busy_error(path, node.st_rdev, fd.get()) : busy(path, std::move(holder));
    }
    return fd;
}

Result<void> check_held_node(const std::string& path, int fd) {
    const auto unfit = [&path](std::string_view why) {
        return Error{Failure::io, ENODEV, "device", fmt::format("the inherited descriptor of {} {}", path, why)};
    };
    struct stat held {};
    struct stat node {};
    if (::fstat(fd, &held) != 0 || !S_ISCHR(held.st_mode)) return unfit("is not a device");
    if (::stat(path.c_str(), &node) != 0 || !S_ISCHR(node.st_mode)) return unfit("no longer has a node");
    if (held.st_rdev != node.st_rdev) return unfit("is another device than the node");
    pollfd state{fd, 0, 0};
    if (::poll(&state, 1, 0) < 0 || (state.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return unfit("was hung up");
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) != O_RDWR || (flags & O_NONBLOCK) == 0)
        return unfit("was opened with other flags");
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    // The descriptor still has the lock of the previous process, or gets it now.
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return unfit("is locked by another process");
    return {};
}

void release_lock(int fd) noexcept {
    ::ioctl(fd, TIOCNXCL);
    ::flock(fd, LOCK_UN);
}

}  // namespace vserd::line
