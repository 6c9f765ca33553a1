#include "net/connections.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <utility>

#include "net/tcp_traffic.hpp"

namespace vserd::net {
namespace {

/// Of bytes that no call accounts for. Partly received messages count until they are complete, so this is several of the
/// largest. It bounds what headers without end cost, which grows with its square.
constexpr double unexplained_bytes_max = 4.0 * 1024 * 1024;
/// What a well-behaved connection may send besides calls: window updates, pings, settings.
constexpr double unexplained_bytes_per_second = 64.0 * 1024;
/// Window updates answer what the client was sent; this many bytes sent explain one received.
constexpr double sent_per_received = 2;
constexpr std::size_t shed_at_once_max = 64;
/// A connection that holds less frees nothing worth it.
constexpr double shed_bytes_min = 64.0 * 1024;

double held_by(const Connection& connection) {
    return connection.unexplained_bytes + static_cast<double>(connection.held_bytes.load(std::memory_order_relaxed));
}

}  // namespace

const char* describe(Abuse abuse) noexcept {
    switch (abuse) {
        case Abuse::none: return "nothing";
        case Abuse::unexplained_bytes: return "it sent many bytes that belong to no call";
        case Abuse::too_many_calls: return "it resets calls faster than they end";
        case Abuse::memory: return "it holds the most memory, and the server is at [server] memory_max";
    }
    return "";
}

std::string peer_name(int fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) < 0) return {};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (name.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(name);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
        return "ipv4:" + std::string(text.data()) + ":" + std::to_string(ntohs(v4.sin_port));
    }
    if (name.ss_family != AF_INET6) return {};
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
        return "ipv4:" + std::string(text.data()) + ":" + std::to_string(ntohs(v6.sin6_port));
    }
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return "ipv6:%5B" + std::string(text.data()) + "%5D:" + std::to_string(ntohs(v6.sin6_port));
}

void Connections::add(int fd) {
    std::string peer = peer_name(fd);
    if (peer.empty()) return;
    base::Fd duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!duplicate) return;
    auto connection = std::make_shared<Connection>(peer);
    connection->descriptor = std::move(duplicate);
    const std::lock_guard lock(mutex_);
    connections_.insert_or_assign(std::move(peer), std::move(connection));
}

std::shared_ptr<Connection> Connections::find(const std::string& peer) const {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(peer);
    return found == connections_.end() ? unnamed_ : found->second;
}

std::size_t Connections::size() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
}

Abuse Connections::judge(Connection& connection, double seconds) const {
    const TcpTraffic traffic = tcp_traffic(connection.descriptor.get());
    if (!traffic.open) {
        connection.descriptor = {};
        return Abuse::none;
    }
    connection.received_bytes = traffic.received;
    const double known = static_cast<double>(connection.known_bytes.load(std::memory_order_relaxed)) +
                         static_cast<double>(traffic.sent) / sent_per_received;
    // A bucket that drains: what was explained, and what time allows, is taken off for good.
    const double level = static_cast<double>(traffic.received) - known - connection.drained_bytes;
    const double drained = std::min(level, unexplained_bytes_per_second * seconds);
    connection.drained_bytes += drained;
    connection.unexplained_bytes = std::max(0.0, level - drained);
    if (connection.too_many_calls.load(std::memory_order_relaxed)) return Abuse::too_many_calls;
    return connection.unexplained_bytes > unexplained_bytes_max ? Abuse::unexplained_bytes : Abuse::none;
}

std::vector<Connections::Closed> Connections::sweep(std::chrono::steady_clock::time_point now,
                                                    std::int64_t excess_bytes) {
    const double seconds = std::chrono::duration<double>(now - std::exchange(swept_, now)).count();
    std::vector<Closed> closed;
    const std::lock_guard lock(mutex_);
    for (auto& [peer, connection] : connections_) {
        const Abuse abuse = judge(*connection, seconds);
        if (abuse == Abuse::none) continue;
        ::shutdown(connection->descriptor.get(), SHUT_RDWR);
        connection->descriptor = {};
        closed.push_back({peer, abuse});
    }
    std::erase_if(connections_, [](const auto& entry) { return !entry.second->descriptor; });
    if (excess_bytes > 0) std::ranges::move(shed(excess_bytes), std::back_inserter(closed));
    return closed;
}

/// Requires mutex_.
std::vector<Connections::Closed> Connections::shed(std::int64_t excess_bytes) {
    std::vector<Connection*> largest;
    for (auto& [peer, connection] : connections_) largest.push_back(connection.get());
    std::ranges::sort(largest, std::greater{}, [](const Connection* each) { return held_by(*each); });
    std::vector<Closed> closed;
    auto left = static_cast<double>(excess_bytes);
    for (Connection* connection : largest) {
        if (left <= 0 || closed.size() >= shed_at_once_max || held_by(*connection) < shed_bytes_min) break;
        left -= held_by(*connection);
        ::shutdown(connection->descriptor.get(), SHUT_RDWR);
        connection->descriptor = {};
        closed.push_back({connection->peer, Abuse::memory});
    }
    std::erase_if(connections_, [](const auto& entry) { return !entry.second->descriptor; });
    return closed;
}

}  // namespace vserd::net
