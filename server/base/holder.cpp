#include "base/holder.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include "base/numbers_in.hpp"
#include "base/text.hpp"

namespace vserd::base {
namespace {

using Matches = std::function<bool(const struct statx&)>;

bool has_open(pid_t pid, const Matches& matches, int except_fd) {
    const std::string fds = fmt::format("/proc/{}/fd", pid);
    for (const int fd : numbers_in(fds)) {
        if (fd == except_fd) continue;
        struct statx info {};
        const std::string entry = fmt::format("{}/{}", fds, fd);
        // Request only attributes that the kernel has in memory: the process may have files open on a file server that does not
        // answer.
        const unsigned wanted = STATX_TYPE | STATX_INO;
        if (::statx(AT_FDCWD, entry.c_str(), AT_STATX_DONT_SYNC, wanted, &info) == 0 && matches(info)) return true;
    }
    return false;
}

std::string find_holder(const Matches& matches, int own_fd) {
    for (const pid_t pid : numbers_in("/proc")) {
        if (has_open(pid, matches, pid == ::getpid() ? own_fd : -1)) return describe_process(pid);
    }
    return {};
}

/// The address in the format of /proc/net/tcp and tcp6: words in network order, printed in host order.
std::string hexadecimal(std::span<const std::byte> address) {
    std::string text;
    for (std::size_t at = 0; at + 4 <= address.size(); at += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, &address[at], sizeof word);
        std::array<char, 9> digits{};
        std::snprintf(digits.data(), digits.size(), "%08X", word);
        text += digits.data();
    }
    return text;
}

bool is_wildcard(const std::string& address) { return address.find_first_not_of('0') == std::string::npos; }

/// The socket in a table of listeners that conflicts with `address`:`port`; 0: none.
ino_t listening_inode(const char* table, const std::string& address, unsigned port) {
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);  // skip the headings
    while (std::getline(file, line)) {
        // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode, as in proc(5)
        std::istringstream fields(line);
        std::string number, local, remote, state, queues, timer, retransmits, user, timeout;
        ino_t inode = 0;
        fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
        const auto colon = local.find(':');
        if (!fields || state != "0A" || colon == std::string::npos) continue;
        const std::string there = local.substr(0, colon);
        const bool same_address = there == address || is_wildcard(there) || is_wildcard(address);
        if (same_address && std::strtoul(local.c_str() + colon + 1, nullptr, 16) == port) return inode;
    }
    return 0;
}

ino_t listening_inode(const std::string& path) {
    std::ifstream file("/proc/net/unix");
    std::string line;
    while (std::getline(file, line)) {
        // Num RefCount Protocol Flags Type St Inode Path; a flag marks listening sockets.
        std::istringstream fields(line);
        std::string number, references, protocol, flags, type, state, where;
        ino_t inode = 0;
        fields >> number >> references >> protocol >> flags >> type >> state >> inode >> where;
        if (fields && flags == "00010000" && where == path) return inode;
    }
    return 0;
}

ino_t listening_inode(const sockaddr& address) {
    if (address.sa_family == AF_UNIX) return listening_inode(reinterpret_cast<const sockaddr_un&>(address).sun_path);
    std::string text;
    unsigned port = 0;
    std::array tables = {"/proc/net/tcp", "/proc/net/tcp6"};  // a wildcard address may conflict with the other family
    if (address.sa_family == AF_INET) {
        const auto& name = reinterpret_cast<const sockaddr_in&>(address);
        text = hexadecimal(std::as_bytes(std::span(&name.sin_addr, 1)));
        port = ntohs(name.sin_port);
    } else {
        const auto& name = reinterpret_cast<const sockaddr_in6&>(address);
        text = hexadecimal(std::as_bytes(std::span(&name.sin6_addr, 1)));
        port = ntohs(name.sin6_port);
        std::swap(tables[0], tables[1]);
    }
    const ino_t inode = listening_inode(tables[0], text, port);
    return inode != 0 ? inode : listening_inode(tables[1], text, port);
}

}  // namespace

std::string describe_process(pid_t pid) {
    std::string command;
    std::ifstream comm(fmt::format("/proc/{}/comm", pid));
    std::getline(comm, command);
    std::string text = fmt::format("pid {}", pid);
    // A program's name may be any 15 bytes, and the kernel truncates longer names anywhere.
    if (!command.empty()) text += fmt::format(" ({})", base::printable_text(command));
    return text;
}

std::string device_holder(dev_t device, int own_fd) {
    const auto matches = [device](const struct statx& info) {
        return S_ISCHR(info.stx_mode) && makedev(info.stx_rdev_major, info.stx_rdev_minor) == device;
    };
    return find_holder(matches, own_fd);
}

std::string listener_at(const sockaddr& address) {
    const ino_t inode = listening_inode(address);
    if (inode == 0) return {};
    return find_holder([inode](const struct statx& info) { return S_ISSOCK(info.stx_mode) && info.stx_ino == inode; },
                       -1);
}

}  // namespace vserd::base
