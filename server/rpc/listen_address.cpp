#include "rpc/listen_address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <memory>

#include "io/fd.hpp"

namespace vserd::rpc {
namespace {

constexpr std::string_view unix_prefix = "unix:";

struct HostPort {
    std::string host;
    std::string port;
};

/// "[::1]:80" and "127.0.0.1:80"; an empty host where there is no such shape.
HostPort split(std::string_view address) {
    const auto colon = address.rfind(':');
    if (colon == std::string_view::npos) return {};
    std::string_view host = address.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    return {std::string(host), std::string(address.substr(colon + 1))};
}

Error cannot_listen(const std::string& address, int errno_value) {
    std::string message = "cannot listen on " + address + ": " + std::strerror(errno_value);
    if (errno_value == EADDRINUSE) {
        message += "; another vserd or another program has it. Stop that one or change `listen` in [server]";
    } else if (errno_value == EACCES) {
        message += "; ports below 1024 and other users' folders need privileges. Change `listen` in [server]";
    } else if (errno_value == EADDRNOTAVAIL) {
        message += "; no interface of this machine has that address. Change `listen` in [server]";
    }
    return {Failure::io, errno_value, "listen", message};
}

}  // namespace

bool is_unix(std::string_view address) { return address.starts_with(unix_prefix); }

std::string unix_path(std::string_view address) {
    address.remove_prefix(unix_prefix.size());
    if (address.starts_with("//")) address.remove_prefix(2);
    return std::string(address);
}

bool is_local(std::string_view address) {
    if (is_unix(address)) return true;
    const HostPort parts = split(address);
    if (parts.host == "localhost") return true;
    in_addr v4{};
    if (::inet_pton(AF_INET, parts.host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
    in6_addr v6{};
    return ::inet_pton(AF_INET6, parts.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<void> check_unix_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) {
        return Error{Failure::invalid_argument, ENAMETOOLONG, "listen",
                     "the path " + path + " is too long for a Unix socket; the most is " +
                         std::to_string(sizeof(address.sun_path) - 1) + " bytes"};
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) < 0) return {};  // whatever else is wrong shows when gRPC binds
    if (!S_ISSOCK(status.st_mode)) {
        return Error{Failure::io, EEXIST, "listen",
                     "cannot listen on unix:" + path + ": a file that is not a socket is there; remove it or change the path"};
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const io::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN) {
        return cannot_listen("unix:" + path, EADDRINUSE);
    }
    return {};
}

Error diagnose_listen_failure(const std::string& address) {
    if (is_unix(address)) {
        const std::string path = unix_path(address);
        const std::string folder = path.substr(0, path.rfind('/'));
        return {Failure::io, 0, "listen",
                "cannot listen on " + address + "; does the folder " + folder + " exist, and may this user write there?"};
    }
    const HostPort parts = split(address);
    addrinfo hints{};
    hints.ai_flags = AI_PASSIVE;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found); error != 0) {
        return {Failure::io, 0, "listen", "cannot listen on " + address + ": " + ::gai_strerror(error)};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
    for (const addrinfo* candidate = found; candidate != nullptr; candidate = candidate->ai_next) {
        const io::Fd fd(::socket(candidate->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int on = 1;
        ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(fd.get(), candidate->ai_addr, candidate->ai_addrlen) < 0 || ::listen(fd.get(), 1) < 0) {
            return cannot_listen(address, errno);
        }
    }
    return {Failure::io, 0, "listen", "cannot listen on " + address + "; it was taken for a moment, try again"};
}

}  // namespace vserd::rpc
