#include "net/unix_peer.hpp"

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <sstream>

#include "base/proc_file.hpp"

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

/// The first line of the map of the initial namespace: every number stands for itself.
bool is_identity_map(const char* path) {
    std::istringstream map(base::read_proc_file(path));
    std::uint64_t inside = 0;
    std::uint64_t outside = 0;
    std::uint64_t count = 0;
    return map >> inside >> outside >> count && inside == 0 && outside == 0 && count == UINT32_MAX;
}

/// In a user namespace the kernel shows all users (or groups) without a number there as this one, so it says nothing about the
/// peer. None in the initial namespace, where the same number is a user of its own, usually "nobody".
std::optional<std::uint32_t> unmapped_id(const char* map, const char* overflow) {
    if (is_identity_map(map)) return std::nullopt;
    std::uint32_t id = 0;
    return std::istringstream(base::read_proc_file(overflow)) >> id ? id : 65534;
}

}  // namespace

std::vector<std::string> unix_peer_names(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    int domain = 0;
    socklen_t domain_size = sizeof domain;
    if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 || domain != AF_UNIX) return {};
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
    static const auto unmapped_user = unmapped_id("/proc/self/uid_map", "/proc/sys/kernel/overflowuid");
    static const auto unmapped_group = unmapped_id("/proc/self/gid_map", "/proc/sys/kernel/overflowgid");
    std::vector<std::string> names;
    if (peer.uid != unmapped_user) names.push_back(fmt::format("uid:{}", peer.uid));
    std::vector<gid_t> groups = groups_of(socket);
    std::erase(groups, peer.gid);
    groups.insert(groups.begin(), peer.gid);
    for (const gid_t group : groups) {
        if (group != unmapped_group) names.push_back(fmt::format("gid:{}", group));
    }
    return names;
}

}  // namespace vserd::net
