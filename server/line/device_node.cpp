#include "line/device_node.hpp"

#include <fcntl.h>
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

/// Who holds an flock on the node: "1: FLOCK  ADVISORY  WRITE 812 00:05:94 0 EOF" (device in hex, then the inode).
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
    std::string message = path + " is in use";
    if (holder.empty()) {
        message += " by a process that cannot be seen from here; `fuser -v " + path + "` as root names it";
    } else if (holder.starts_with("pid " + std::to_string(::getpid()) + " ")) {
        message += " by this server itself, " + holder + ": is the device configured twice?";
    } else {
        message += " by " + holder + "; stop it or give the port another device";
    }
    return Error{Failure::io, EBUSY, std::move(holder), std::move(message)};
}

Error locked(const std::string& path, LockFile lock) {
    std::string message = path + " is in use by " + lock.holder + ", as the lock file " +
                          base::printable_text(lock.path) + " says; stop it, or remove that file if it is wrong";
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
    const std::string way_out = group_may
                                    ? "it belongs to group " + group + ": add user " + user_name() + " to group " +
                                          group + " (adduser " + user_name() + " " + group + ") and start again"
                                    : "user " + user_name() +
                                          " may not use it: give it to group dialout by a udev rule "
                                          "and add the user to group dialout";
    return Error{Failure::io, EACCES, "device", path + ": permission denied; " + way_out};
}

Error open_error(const std::string& path, const struct stat& node, int error) {
    switch (error) {
        case EACCES:
        case EPERM: return denied(path, node);
        case EBUSY: return busy_error(path, node.st_rdev, -1);
        case EIO:
        case ENXIO:
        case ENODEV: return errno_error(path + ": no hardware answers behind this node", error);
        default: return errno_error(path, error);
    }
}

}  // namespace

Error not_a_serial_device(const std::string& path, std::string_view what) {
    return Error{Failure::invalid_argument, ENOTTY, "device",
                 path + " is " + std::string(what) + ", not a serial device"};
}

Error busy_error(const std::string& path, dev_t device, int own_fd) {
    return busy(path, base::device_holder(device, own_fd));
}

Result<base::Fd> open_device_node(const std::string& path) {
    struct stat node {};
    if (::stat(path.c_str(), &node) != 0) {
        const int error = errno;
        if (error == ENOENT) return Error{Failure::io, ENOENT, "device", path + ": no such device; is it plugged in?"};
        return errno_error(path, error);
    }
    if (S_ISDIR(node.st_mode)) return not_a_serial_device(path, "a directory");
    if (S_ISREG(node.st_mode)) return not_a_serial_device(path, "a regular file");
    if (!S_ISCHR(node.st_mode)) return not_a_serial_device(path, "no character device");
    if (auto lock = find_lock_file(path)) return locked(path, std::move(*lock));

    base::Fd fd(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return open_error(path, node, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        // Only a held lock means busy: a file system without flock does not keep the device from being used.
        if (errno != EWOULDBLOCK) return fd;
        auto holder = find_flock_holder(node);
        return holder.empty() ? busy_error(path, node.st_rdev, fd.get()) : busy(path, std::move(holder));
    }
    return fd;
}

Result<void> check_held_node(const std::string& path, int fd) {
    const auto unfit = [&path](std::string_view why) {
        return Error{Failure::io, ENODEV, "device", "the descriptor held of " + path + " " + std::string(why)};
    };
    struct stat held {};
    struct stat node {};
    if (::fstat(fd, &held) != 0 || !S_ISCHR(held.st_mode)) return unfit("is no device");
    if (::stat(path.c_str(), &node) != 0 || !S_ISCHR(node.st_mode)) return unfit("has no node any more");
    if (held.st_rdev != node.st_rdev) return unfit("is another device than the node");
    pollfd state{fd, 0, 0};
    if (::poll(&state, 1, 0) < 0 || (state.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return unfit("was hung up");
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) != O_RDWR || (flags & O_NONBLOCK) == 0) return unfit("was opened otherwise");
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    // The lock goes with the descriptor; this asks whether it is there.
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return unfit("is locked by another process");
    return {};
}

void release_lock(int fd) noexcept {
    ::ioctl(fd, TIOCNXCL);
    ::flock(fd, LOCK_UN);
}

}  // namespace vserd::line
