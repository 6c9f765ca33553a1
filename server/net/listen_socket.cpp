#include "net/listen_socket.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/address.hpp"
#include "base/holder.hpp"

namespace vserd::net {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr int backlog = 1024;
constexpr int socket_flags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
constexpr mode_t unix_socket_mode = 0660;
constexpr const char* not_a_socket = "the path is a file that is not a socket; remove it or change the path";
/// A connection is dead when its peer has acknowledged nothing for this long.
constexpr unsigned unacknowledged_limit_ms = 20'000;

std::string unix_path(std::string_view address) {
    address.remove_prefix(unix_prefix.size());
    if (address.starts_with("//")) address.remove_prefix(2);
    return std::string(address);
}

/// A configured address.
struct Wanted {
    const std::string& address;
    const std::string& key;  ///< in `table`
    const std::string& table;
};

Error listen_error(const Wanted& wanted, Failure failure, int errno_value, std::string_view why) {
    return {failure, errno_value, wanted.key, fmt::format("cannot listen on {}: {}", wanted.address, why)};
}

/// "`listen` in [server]"
std::string setting_of(const Wanted& wanted) { return fmt::format("`{}` in {}", wanted.key, wanted.table); }

/// The option of the command line that does the same, which helps with --demo.
std::string option_of(const Wanted& wanted) {
    if (wanted.table == "[web]") return " (or give --web)";
    return wanted.table == "[server]" ? fmt::format(" (or give --{})", wanted.key) : std::string();
}

std::string in_use_by(const Wanted& wanted, const sockaddr* where) {
    const std::string holder = where == nullptr ? std::string() : base::listener_at(*where);
    if (holder == base::describe_process(::getpid()))
        return "vserd already listens there: the address is twice in the configuration";
    return fmt::format("{} uses it. Stop that process, or change {}{}",
                       holder.empty() ? "another user's process (`ss -lxtp` as root shows it)" : holder,
                       setting_of(wanted), option_of(wanted));
}

/// `where`: the address that could not be bound, if known.
Error cannot_listen(const Wanted& wanted, int errno_value, const sockaddr* where = nullptr) {
    std::string fix;
    switch (errno_value) {
        case EADDRINUSE: fix = in_use_by(wanted, where); break;
        case EACCES:
            fix = fmt::format("ports below 1024 and other users' directories need privileges. Change {}",
                              setting_of(wanted));
            break;
        case EADDRNOTAVAIL:
            fix = fmt::format("no interface of this machine has that address. Change {}", setting_of(wanted));
            break;
        case ENOENT: fix = fmt::format("the directory is missing. Create it, or change {}", setting_of(wanted)); break;
        default: return listen_error(wanted, Failure::io, errno_value, std::strerror(errno_value));
    }
    return listen_error(wanted, Failure::io, errno_value, fmt::format("{}; {}", std::strerror(errno_value), fix));
}

/// Removes the socket file if no process listens on it. Only ECONNREFUSED proves that: any other result may come from a live
/// socket of another type, or from one that this user may not connect to.
Result<void> remove_stale(const Wanted& wanted, const std::string& path, const sockaddr_un& name) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) < 0) return {};  // bind() reports other errors
    if (!S_ISSOCK(status.st_mode)) return listen_error(wanted, Failure::io, EEXIST, not_a_socket);
    const base::Fd fd(::socket(AF_UNIX, socket_flags, 0));
    const bool connected = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
    if (connected || errno == EAGAIN) {
        return cannot_listen(wanted, EADDRINUSE, reinterpret_cast<const sockaddr*>(&name));
    }
    if (errno == ENOENT) return {};
    if (errno != ECONNREFUSED) {
        return listen_error(wanted, Failure::io, EADDRINUSE,
                            fmt::format("the socket exists, and connecting to it failed ({}). Stop the program that "
                                        "uses it, or remove the file",
                                        std::strerror(errno)));
    }
    ::unlink(path.c_str());
    return {};
}

void set_option(int fd, int level, int option, unsigned value) {
    ::setsockopt(fd, level, option, &value, sizeof value);
}

/// Connections inherit these from the listening socket.
void set_connection_options(int fd) {
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, unacknowledged_limit_ms);
}

Result<base::Fd> listen_tcp(const Wanted& wanted, const addrinfo& where) {
    base::Fd fd(::socket(where.ai_family, socket_flags, 0));
    if (!fd) return cannot_listen(wanted, errno);
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    set_connection_options(fd.get());
    if (::bind(fd.get(), where.ai_addr, where.ai_addrlen) < 0 || ::listen(fd.get(), backlog) < 0) {
        return cannot_listen(wanted, errno, where.ai_addr);
    }
    return fd;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Addresses> look_up(const Wanted& wanted) {
    const auto parts = base::parse_address(wanted.address);
    if (!parts) {
        return listen_error(wanted, Failure::invalid_argument, 0, parts.error().message);
    }
    addrinfo hints{};
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failure = ::getaddrinfo(parts->host.c_str(), std::to_string(parts->port).c_str(), &hints, &found);
    if (failure != 0) {
        return listen_error(wanted, Failure::io, 0,
                            fmt::format("{}. Change {}", ::gai_strerror(failure), setting_of(wanted)));
    }
    return Addresses(found, &::freeaddrinfo);
}

/// In network byte order.
in_port_t& port_of(sockaddr& name) {
    return name.sa_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(name).sin6_port
                                      : reinterpret_cast<sockaddr_in&>(name).sin_port;
}

in_port_t picked_port(int fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
    return port_of(reinterpret_cast<sockaddr&>(name));
}

}  // namespace

bool is_unix(std::string_view address) { return address.starts_with(unix_prefix); }

std::string address_of(const sockaddr_storage& name, socklen_t size) {
    const auto* any = reinterpret_cast<const sockaddr*>(&name);
    if (name.ss_family == AF_UNIX) {
        const auto* path = reinterpret_cast<const sockaddr_un*>(any)->sun_path;
        const bool has_path = size > offsetof(sockaddr_un, sun_path) && path[0] == '/';
        return has_path ? std::string(unix_prefix) + path : std::string();
    }
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    if (::getnameinfo(any, size, host.data(), host.size(), port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) !=
        0) {
        return {};
    }
    const bool v6 = name.ss_family == AF_INET6;
    return v6 ? fmt::format("[{}]:{}", host.data(), port.data()) : fmt::format("{}:{}", host.data(), port.data());
}

bool is_accept_short(int errno_value) {
    return errno_value == EMFILE || errno_value == ENFILE || errno_value == ENOBUFS || errno_value == ENOMEM;
}

bool is_local(std::string_view address) {
    if (is_unix(address)) return true;
    const auto parsed = base::parse_address(address);
    return parsed && parsed->local;
}

Result<ListenSocket> ListenSocket::open_unix(const std::string& address, const std::string& key,
                                             const std::string& table) {
    const std::string path = unix_path(address);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof name.sun_path) {
        return Error{
            Failure::invalid_argument, ENAMETOOLONG, key,
            fmt::format("{}: the path of a Unix socket must have 1 to {} bytes", address, sizeof name.sun_path - 1)};
    }
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    if (const auto removed = remove_stale({address, key, table}, path, name); !removed) return removed.error();
    base::Fd fd(::socket(AF_UNIX, socket_flags, 0));
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) < 0) {
        return cannot_listen({address, key, table}, errno);
    }
    // Before listen(): nobody can connect yet.
    if (::chmod(path.c_str(), unix_socket_mode) < 0 || ::listen(fd.get(), backlog) < 0) {
        return cannot_listen({address, key, table}, errno);
    }
    ListenSocket socket(std::move(fd), address, path);
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) socket.inode_ = status.st_ino;
    return socket;
}

Result<std::vector<ListenSocket>> ListenSocket::open(const std::string& address, const std::string& key,
                                                     const std::string& table) {
    std::vector<ListenSocket> sockets;
    if (is_unix(address)) {
        auto socket = open_unix(address, key, table);
        if (!socket) return socket.error();
        sockets.push_back(std::move(*socket));
        return sockets;
    }
    const auto found = look_up({address, key, table});
    if (!found) return found.error();
    in_port_t port = 0;
    for (addrinfo* where = found->get(); where != nullptr; where = where->ai_next) {
        if (port != 0) port_of(*where->ai_addr) = port;
        auto fd = listen_tcp({address, key, table}, *where);
        // "localhost" may resolve to ::1 on a machine without IPv6.
        if (!fd && fd.error().errno_value == EADDRNOTAVAIL && (!sockets.empty() || where->ai_next != nullptr)) continue;
        if (!fd) return fd.error();
        port = picked_port(fd->get());
        const std::string with_port = address.substr(0, address.rfind(':') + 1) + std::to_string(ntohs(port));
        sockets.push_back(ListenSocket(std::move(*fd), with_port, {}));
    }
    return sockets;
}

Result<ListenSocket> ListenSocket::adopt(int fd) {
    base::Fd owned(fd);
    const auto unusable = [fd](const std::string& why) {
        return Error{Failure::invalid_argument, 0, "listen", fmt::format("the inherited descriptor {} {}", fd, why)};
    };
    int listens = 0;
    int type = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || listens == 0) {
        return unusable("is not a listening socket; vserd.socket needs ListenStream= and Accept=no");
    }
    size = sizeof type;
    ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    sockaddr_storage name{};
    size = sizeof name;
    if (type != SOCK_STREAM || ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) < 0) {
        return unusable("is not a stream socket; vserd.socket needs ListenStream=");
    }
    std::string address = address_of(name, size);
    if (address.empty()) return unusable("is neither TCP nor a Unix socket with a path");
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (name.ss_family != AF_UNIX) set_connection_options(fd);
    return ListenSocket(std::move(owned), std::move(address), {});
}

ListenSocket::~ListenSocket() {
    if (!fd_ || file_.empty()) return;
    struct stat status {};
    // Another process may have replaced the file meanwhile.
    if (::lstat(file_.c_str(), &status) == 0 && status.st_ino == inode_) ::unlink(file_.c_str());
}

Result<void> check_address(const std::string& address, const std::string& key, const std::string& table) {
    if (!is_unix(address)) {
        const auto found = look_up({address, key, table});
        return found ? Result<void>{} : Result<void>{found.error()};
    }
    struct stat status {};
    if (::lstat(unix_path(address).c_str(), &status) < 0 || S_ISSOCK(status.st_mode)) return {};
    return listen_error({address, key, table}, Failure::io, EEXIST, not_a_socket);
}

}  // namespace vserd::net
