#include "net/unix_peer.hpp"

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace vserd::net {
namespace {

/// The supplementary groups of the peer; empty if they cannot be read.
std::vector<gid_t> groups_of(int socket) {
    std::vector<gid_t> groups(64);
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
        const int result = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
        const bool too_small = result != 0 && errno == ERANGE;
        groups.resize(result == 0 || too_small ? size / sizeof(gid_t) : 0);
        if (!too_small) break;
    }
    return groups;
}

}  // namespace

std::vector<std::string> unix_peer_names(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    int domain = 0;
    socklen_t domain_size = sizeof domain;
    if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 || domain != AF_UNIX) return {};
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
    std::vector<std::string> names{fmt::format("uid:{}", peer.uid), fmt::format("gid:{}", peer.gid)};
    for (const gid_t group : groups_of(socket)) {
        if (group != peer.gid) names.push_back(fmt::format("gid:{}", group));
    }
    return names;
}

}  // namespace vserd::net
