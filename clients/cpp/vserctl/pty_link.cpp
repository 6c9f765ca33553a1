#include "vserctl/pty_link.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace vserctl {
namespace {

constexpr std::string_view folder = "/dev/pts/";
constexpr std::string_view marked_folder = "/dev/pts/./";

/// The text of a symbolic link that belongs to this user.
std::optional<std::string> text_of_own_link(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) < 0 || !S_ISLNK(info.st_mode) || info.st_uid != ::geteuid()) return std::nullopt;
    std::error_code error;
    auto text = std::filesystem::read_symlink(path, error);
    if (error) return std::nullopt;
    return text.string();
}

/// One name for one link, whatever the working directory.
std::string absolute(const std::string& path) {
    const std::filesystem::path given(path);
    std::error_code error;
    const auto parent = std::filesystem::canonical(given.has_parent_path() ? given.parent_path() : ".", error);
    return error ? path : (parent / given.filename()).string();
}

/// Binds a name that ends with the process. Returns a descriptor, or -1 and errno: EADDRINUSE if another process has the name.
int take_name(const std::string& path) {
    const auto name =
        "vserctl-tty/" + std::to_string(::geteuid()) + "/" + std::to_string(std::hash<std::string>{}(path));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto size = std::min(name.size(), sizeof address.sun_path - 1);
    std::memcpy(address.sun_path + 1, name.data(), size);  // after a 0 byte: the abstract namespace
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size);
    if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0) return fd;
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
}

}  // namespace

PtyLink::PtyLink(std::string path, const std::string& target)
    : path_(std::move(path)), text_(target), lock_(take_name(absolute(path_))) {
    if (lock_ < 0) fail(errno == EADDRINUSE ? "another vserctl tty uses it" : std::strerror(errno));
    if (text_.starts_with(folder)) text_.replace(0, folder.size(), marked_folder);
    try {
        make();
    } catch (...) {
        ::close(lock_);
        throw;
    }
}

PtyLink::~PtyLink() {
    if (text_of_own_link(path_) == text_) ::unlink(path_.c_str());
    ::close(lock_);
}

void PtyLink::make() {
    const auto found = text_of_own_link(path_);
    const bool stale = found && found->starts_with(marked_folder);
    if (stale && ::unlink(path_.c_str()) < 0 && errno != ENOENT) fail(std::strerror(errno));
    if (::symlink(text_.c_str(), path_.c_str()) == 0) return;
    fail(errno == EEXIST ? "it exists and is not a link of vserctl tty; remove it or choose another path"
                         : std::strerror(errno));
}

void PtyLink::fail(const std::string& why) const {
    throw std::runtime_error("cannot create the link " + path_ + ": " + why);
}

}  // namespace vserctl
