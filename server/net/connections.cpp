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

#include "net/probation.hpp"
#include "net/tcp_traffic.hpp"

namespace vserd::net {
namespace {

/// Of bytes that no call accounts for. It bounds what headers without end cost, which grows with its square.
constexpr double unexplained_bytes_max = 256.0 * 1024;
/// For each open call besides, whose message may have come in part; and for all of them.
constexpr double partial_message_bytes = 1.0 * 1024 * 1024;
constexpr double partial_messages_bytes_max = 4.0 * 1024 * 1024;
/// What a well-behaved connection may send besides calls: window updates, pings, settings.
constexpr double unexplained_bytes_per_second = 64.0 * 1024;
/// Window updates answer what the client was sent; this many bytes sent explain one received.
constexpr double sent_per_received = 2;
/// Calls that a client may give up: so many at once, and so many because their deadlines are short.
constexpr double resets_max = 512;
constexpr double resets_per_second = 128;
/// Received from one connection between two sweeps: it has to be looked at more often.
constexpr std::uint64_t busy_bytes = std::uint64_t{16} << 10;
constexpr std::size_t discarded_at_once_bytes = std::size_t{16} << 20;
constexpr std::size_t shed_at_once_max = 64;
/// A connection that holds less frees nothing worth it.
constexpr double shed_bytes_min = 64.0 * 1024;

double held_by(const Connection& connection) {
    return connection.unexplained_bytes + static_cast<double>(connection.held_bytes.load(std::memory_order_relaxed));
}

/// What may have arrived without a call to account for it yet.
double explainable_bytes(const StreamCounts& streams) {
    const double partial_messages_bytes = static_cast<double>(streams.open()) * partial_message_bytes;
    return unexplained_bytes_max + std::min(partial_messages_bytes, partial_messages_bytes_max);
}

/// Whoever reads from it sees its end at once: what waits to be read is thrown away.
Connections::Closed close(Connection& connection, Abuse abuse) {
    const int fd = connection.descriptor.get();
    Connections::Closed closed{connection.peer, peer_address(fd), abuse};
    ::shutdown(fd, SHUT_RDWR);
    while (::recv(fd, nullptr, discarded_at_once_bytes, MSG_TRUNC | MSG_DONTWAIT) > 0) continue;
    connection.descriptor = {};
    return closed;
}

}  // namespace

const char* describe(Abuse abuse) noexcept {
    switch (abuse) {
        case Abuse::none: return "nothing";
        case Abuse::unexplained_bytes: return "it sent many bytes that belong to no call";
        case Abuse::resets: return "it begins calls and resets them";
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

/// A bucket that drains as well. How long the connection was not busy counts, for the resets may be from then.
void Connections::count(Connection& connection, std::chrono::steady_clock::time_point now,
                        const CountStreams& count_streams) {
    const StreamCounts before = std::exchange(connection.streams, count_streams(connection.peer));
    const double seconds = std::chrono::duration<double>(now - std::exchange(connection.counted, now)).count();
    const auto resets = static_cast<double>(connection.streams.failed - before.failed);
    connection.recent_resets = std::max(0.0, connection.recent_resets + resets - resets_per_second * seconds);
}

Abuse Connections::judge(Connection& connection, double seconds, const CountStreams& count_streams) {
    const TcpTraffic traffic = tcp_traffic(connection.descriptor.get());
    if (!traffic.open) {
        connection.descriptor = {};
        return Abuse::none;
    }
    const bool is_busy = traffic.received - std::exchange(connection.received_bytes, traffic.received) > busy_bytes;
    busy_ |= is_busy;
    const double known = static_cast<double>(connection.known_bytes.load(std::memory_order_relaxed)) +
                         static_cast<double>(traffic.sent) / sent_per_received;
    // A bucket that drains: what was explained, and what time allows, is taken off for good.
    const double level = static_cast<double>(traffic.received) - known - connection.drained_bytes;
    const double drained = std::min(level, unexplained_bytes_per_second * seconds);
    connection.drained_bytes += drained;
    connection.unexplained_bytes = std::max(0.0, level - drained);
    // One that sends slowly is asked about when it matters.
    if (is_busy || connection.unexplained_bytes > unexplained_bytes_max) count(connection, swept_, count_streams);
    // More calls than HTTP/2 allows: those that are too many were reset, and gRPC has not come to their end yet.
    if (connection.recent_resets > resets_max || connection.streams.open() > calls_per_connection_max)
        return Abuse::resets;
    return connection.unexplained_bytes > explainable_bytes(connection.streams) ? Abuse::unexplained_bytes
                                                                                : Abuse::none;
}

std::vector<Connections::Closed> Connections::sweep(std::chrono::steady_clock::time_point now,
                                                    std::int64_t excess_bytes, const CountStreams& count_streams) {
    const double seconds = std::chrono::duration<double>(now - std::exchange(swept_, now)).count();
    std::vector<Closed> closed;
    busy_ = false;
    const std::lock_guard lock(mutex_);
    for (auto& [peer, connection] : connections_) {
        const Abuse abuse = judge(*connection, seconds, count_streams);
        if (abuse == Abuse::none) continue;
        closed.push_back(close(*connection, abuse));
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
        closed.push_back(close(*connection, Abuse::memory));
    }
    std::erase_if(connections_, [](const auto& entry) { return !entry.second->descriptor; });
    return closed;
}

}  // namespace vserd::net
