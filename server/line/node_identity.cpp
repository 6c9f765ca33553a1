#include "line/node_identity.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "base/text.hpp"

namespace vserd::line {
namespace {

constexpr int links_max = 40;  // the kernel's limit
constexpr std::string_view devpts_prefix = "/dev/pts/";

bool is_terminal_node(const struct stat& node) {
    constexpr unsigned unix98_first = 136, unix98_last = 143;  // devices.txt
    const unsigned number = major(node.st_rdev);
    return S_ISCHR(node.st_mode) && number >= unix98_first && number <= unix98_last;
}

/// The kernel creates a new node for each terminal. The time alone is not enough, because it has the resolution of a clock tick.
std::string identity_of(const struct stat& node) {
    if (node.st_nlink == 0) return {};
    return fmt::format("{}:{}:{}.{}", node.st_dev, node.st_ino, node.st_ctim.tv_sec, node.st_ctim.tv_nsec);
}

bool is_older(const timespec& a, const timespec& b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/// The links from `path` to its target.
struct Links {
    std::string identity;
    std::string end;  ///< the target, which may not exist
    timespec newest{};
};

Links follow(std::filesystem::path path) {
    Links links;
    std::error_code error;
    for (int i = 0; i < links_max; ++i) {
        struct stat link {};
        if (::lstat(path.c_str(), &link) != 0 || !S_ISLNK(link.st_mode)) break;
        links.identity += identity_of(link) + ";";
        if (is_older(links.newest, link.st_ctim)) links.newest = link.st_ctim;
        path = (path.parent_path() / std::filesystem::read_symlink(path, error)).lexically_normal();
    }
    links.end = path.native();
    return links;
}

bool is_terminal_number(std::string_view path) {
    if (!path.starts_with(devpts_prefix) || path.size() == devpts_prefix.size()) return false;
    return std::ranges::all_of(path.substr(devpts_prefix.size()), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

std::optional<Terminal> terminal_at(const std::string& path, int fd) {
    struct stat node {};
    if (::fstat(fd, &node) != 0 || !is_terminal_node(node)) return std::nullopt;
    return Terminal{identity_of(node), follow(path).identity};
}

std::string node_identity(int fd) {
    struct stat node {};
    return ::fstat(fd, &node) == 0 ? identity_of(node) : std::string{};
}

bool names_missing_terminal(const std::string& path) {
    struct stat node {};
    const Links links = follow(path);
    return is_terminal_number(links.end) && ::stat(links.end.c_str(), &node) != 0;
}

bool may_reopen(const std::string& path, const Terminal& closed) {
    struct stat node {};
    const Links links = follow(path);
    const bool exists = ::stat(links.end.c_str(), &node) == 0;
    if (exists && (!is_terminal_node(node) || identity_of(node) == closed.node))
        return true;  // not a terminal, or still the same one
    if (links.identity.empty()) return !is_terminal_number(links.end);
    if (closed.link) return links.identity != *closed.link;
    // A program creates the link after the terminal. An older link belongs to an earlier terminal.
    return exists && !is_older(links.newest, node.st_ctim);
}

Error terminal_error(const std::string& path) {
    return {
        Failure::io, ENODEV, terminal_subject,
        fmt::format("the terminal {} is closed or does not exist yet, and vserd does not open another one that gets "
                    "its number, because it may be a user's login. To resume, give the port a link that its program "
                    "creates each time (socat pty,link=PATH), or set reopen_pts = true, and reload",
                    path)};
}

std::optional<std::string> other_node_at(const std::string& path, int fd) {
    struct stat there {};
    struct stat here {};
    if (::stat(path.c_str(), &there) != 0 || !S_ISCHR(there.st_mode) || ::fstat(fd, &here) != 0) return std::nullopt;
    if (there.st_rdev == here.st_rdev) return std::nullopt;
    return base::printable_text(follow(path).end);
}

}  // namespace vserd::line
