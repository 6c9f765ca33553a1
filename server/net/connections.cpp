#include "net/connections.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
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

/// Limit for bytes that belong to no call. It bounds endless headers, whose cost grows with the square of their size.
constexpr double unexplained_bytes_max = 256.0 * 1024;
/// Added to that limit for each open call, whose message may have arrived in part; and for all of them together.
constexpr double partial_message_bytes = 1.0 * 1024 * 1024;
constexpr double partial_messages_bytes_max = 4.0 * 1024 * 1024;
/// Rate of other bytes that a well-behaved connection may send: window updates, pings, settings.
constexpr double unexplained_bytes_per_second = 64.0 * 1024;
/// The client answers the bytes that it is sent with window updates: this many bytes sent explain one received.
constexpr double sent_per_received = 2;
/// Calls that a client may reset: in a burst, and per second, for example because of short deadlines.
constexpr double resets_max = 512;
constexpr double resets_per_second = 128;
/// The same for an address whose connection was just closed for abuse.
constexpr double resets_of_suspect_max = 128;
/// Pending calls of such an address, and of a client that has gone. Each costs gRPC up to a millisecond.
constexpr std::uint64_t pending_calls_of_suspect_max = 256;
/// What gRPC holds for a pending call.
constexpr double pending_call_bytes = 24.0 * 1024;
/// A connection that received more between two sweeps makes the next sweep come sooner.
constexpr std::uint64_t busy_bytes = std::uint64_t{16} << 10;
/// Calls are counted after so many bytes, which are some 130 calls at least, and this often, or at once if they came fast.
constexpr std::uint64_t uncounted_bytes = 4096;
constexpr std::chrono::milliseconds count_interval{500};
constexpr std::size_t discarded_at_once_bytes = std::size_t{16} << 20;
constexpr std::size_t shed_at_once_max = 64;
/// Closing a connection that holds less does not help.
constexpr double shed_bytes_min = 64.0 * 1024;

double held_by(const Connection& connection) {
    return connection.unexplained_bytes + static_cast<double>(connection.held_bytes.load(std::memory_order_relaxed)) +
           static_cast<double>(connection.pending_calls()) * pending_call_bytes;
}

bool is_flooding(const Connection& connection, bool is_suspect) {
    if (is_suspect && connection.pending_calls() > pending_calls_of_suspect_max) return true;
    // gRPC resets calls beyond the limit of HTTP/2. More open calls than that mean that it cannot keep up with them.
    return connection.streams.open() > calls_per_connection_max ||
           connection.recent_resets > (is_suspect ? resets_of_suspect_max : resets_max);
}

/// Bytes that may have arrived for calls that vserd does not know yet.
double explainable_bytes(const StreamCounts& streams) {
    const double partial_messages_bytes = static_cast<double>(streams.open()) * partial_message_bytes;
    return unexplained_bytes_max + std::min(partial_messages_bytes, partial_messages_bytes_max);
}

/// Also discards the unread bytes, so that gRPC sees the end at once.
Connections::Closed close(Connection& connection, Abuse abuse) {
    const int fd = connection.descriptor.get();
    Connections::Closed closed{connection.peer, connection.address, abuse};
    ::shutdown(fd, SHUT_RDWR);
    while (::recv(fd, nullptr, discarded_at_once_bytes, MSG_TRUNC | MSG_DONTWAIT) > 0) continue;
    connection.descriptor = {};
    return closed;
}

}  // namespace

const char* describe(Abuse abuse) noexcept {
    switch (abuse) {
        case Abuse::none: return "nothing";
        case Abuse::unexplained_bytes: return "it sent too many bytes that belong to no call";
        case Abuse::resets: return "it started and reset too many calls";
        case Abuse::memory: return "it holds the most memory, and the server has reached [server] memory_max";
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
        return fmt::format("ipv4:{}:{}", text.data(), ntohs(v4.sin_port));
    }
    if (name.ss_family != AF_INET6) return {};
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(name);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
        return fmt::format("ipv4:{}:{}", text.data(), ntohs(v6.sin6_port));
    }
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return fmt::format("ipv6:%5B{}%5D:{}", text.data(), ntohs(v6.sin6_port));
}

void Connections::add(int fd) {
    std::string peer = peer_name(fd);
    if (peer.empty()) return;
    base::Fd duplicate(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!duplicate) return;
    auto connection = std::make_shared<Connection>(peer);
    connection->address = peer_address(fd);
    connection->descriptor = std::move(duplicate);
    const std::lock_guard lock(mutex_);
    connections_.insert_or_assign(std::move(peer), std::move(connection));
}

std::shared_ptr<Connection> Connections::find(const std::string& peer) const {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(peer);
    return found == connections_.end() ? unnamed_ : found->second;
}

std::shared_ptr<Connection> Connections::user(const std::string& name, std::uint64_t held_bytes_max) {
    const std::lock_guard lock(mutex_);
    if (const auto found = users_.find(name); found != users_.end()) {
        if (auto known = found->second.lock()) return known;
    }
    std::erase_if(users_, [](const auto& entry) { return entry.second.expired(); });
    auto user = std::make_shared<Connection>(name, false, held_bytes_max);
    users_.insert_or_assign(name, user);
    return user;
}

std::size_t Connections::size() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
}

/// recent_resets is a leaky bucket too. It drains for the whole time since the last count, in which the resets happened.
/// Returns false if there are no counts.
bool Connections::count(Connection& connection, std::chrono::steady_clock::time_point now,
                        const CountStreams& count_streams) {
    const auto counts = count_streams(connection.peer);
    if (!counts) return false;
    const StreamCounts before = std::exchange(connection.streams, *counts);
    connection.counted_at_bytes = connection.received_bytes;
    const double seconds = std::chrono::duration<double>(now - std::exchange(connection.counted, now)).count();
    const auto resets = static_cast<double>(counts->failed) - static_cast<double>(before.failed);
    connection.recent_resets = std::max(0.0, connection.recent_resets + resets - resets_per_second * seconds);
    return true;
}

/// Whether calls that were not counted yet may have become too many. Each takes some bytes, so a quiet connection need not be
/// counted.
bool Connections::is_count_due(const Connection& connection, bool is_busy, bool is_leaving) const {
    if (connection.unexplained_bytes > unexplained_bytes_max) return true;
    if (connection.received_bytes - connection.counted_at_bytes < uncounted_bytes) return false;
    return is_busy || is_leaving || swept_ - connection.counted >= count_interval;
}

Abuse Connections::check(Connection& connection, double seconds, const CountStreams& count_streams,
                         const Probation& suspects) {
    const TcpTraffic traffic = tcp_traffic(connection.descriptor.get());
    if (!traffic.open) {
        connection.descriptor = {};
        return Abuse::none;
    }
    const bool is_busy = traffic.received - std::exchange(connection.received_bytes, traffic.received) > busy_bytes;
    busy_ |= is_busy;
    const double known = static_cast<double>(connection.known_bytes.load(std::memory_order_relaxed)) +
                         static_cast<double>(traffic.sent) / sent_per_received;
    // A leaky bucket: explained bytes, and what the allowed rate drains, are subtracted for good.
    const double level = static_cast<double>(traffic.received) - known - connection.drained_bytes;
    const double drained = std::min(level, unexplained_bytes_per_second * seconds);
    connection.drained_bytes += drained;
    connection.unexplained_bytes = std::max(0.0, level - drained);
    // gRPC learns that a client has gone only after it has read all that the client sent.
    const bool is_suspect = !traffic.peer_open || suspects.has(connection.address, swept_);
    bool is_counted = is_count_due(connection, is_busy, !traffic.peer_open) && count(connection, swept_, count_streams);
    // The last counts may be old: nobody is closed because of those.
    if (!is_counted && is_flooding(connection, is_suspect)) is_counted = count(connection, swept_, count_streams);
    if (is_counted && is_flooding(connection, is_suspect)) return Abuse::resets;
    return connection.unexplained_bytes > explainable_bytes(connection.streams) ? Abuse::unexplained_bytes
                                                                                : Abuse::none;
}

std::vector<Connections::Closed> Connections::sweep(std::chrono::steady_clock::time_point now,
                                                    std::int64_t excess_bytes, const CountStreams& count_streams,
                                                    const Probation& suspects) {
    const double seconds = std::chrono::duration<double>(now - std::exchange(swept_, now)).count();
    std::vector<Closed> closed;
    busy_ = false;
    const std::lock_guard lock(mutex_);
    for (auto& [peer, connection] : connections_) {
        const Abuse abuse = check(*connection, seconds, count_streams, suspects);
        if (abuse == Abuse::none) continue;
        closed.push_back(close(*connection, abuse));
    }
    std::erase_if(connections_, [](const auto& entry) { return !entry.second->descriptor; });
    if (excess_bytes > 0) std::ranges::move(shed(excess_bytes, count_streams), std::back_inserter(closed));
    return closed;
}

/// Requires mutex_.
std::vector<Connections::Closed> Connections::shed(std::int64_t excess_bytes, const CountStreams& count_streams) {
    std::vector<Connection*> largest;
    for (auto& [peer, connection] : connections_) {
        if (connection->pending_calls() > 0) count(*connection, swept_, count_streams);
        largest.push_back(connection.get());
    }
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
