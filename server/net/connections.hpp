#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"

namespace vserd::net {

class Probation;

/// The limit announced in HTTP/2 (rpc/server.cpp), plus room for calls that are ending.
inline constexpr std::uint32_t calls_per_connection_max = 1024 + 128;

/// Calls of one connection, including calls that gRPC has not passed to vserd yet.
struct StreamCounts {
    std::uint64_t started = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;  ///< reset by the client

    /// gRPC changes the counts one after the other, so that their sum may be too large for a moment.
    std::uint64_t open() const noexcept {
        const std::uint64_t ended = succeeded + failed;
        return started > ended ? started - ended : 0;
    }
};

/// The usage of one connection, to detect abuse. gRPC does not report the bytes that it receives, so they are read from the
/// kernel (TCP_INFO) through a duplicate of the descriptor.
struct Connection {
    explicit Connection(std::string name, bool many = false, std::uint64_t bytes_max = UINT64_MAX)
        : peer(std::move(name)), stands_for_many(many), held_bytes_max(bytes_max) {}

    /// Calls that gRPC has started and not passed to vserd yet, or that vserd has ended and the client has not.
    std::uint64_t pending_calls() const noexcept {
        const std::uint64_t known = calls.load(std::memory_order_relaxed);
        return streams.open() > known ? streams.open() - known : 0;
    }

    const std::string peer;      ///< gRPC's name: "ipv4:127.0.0.1:4711"
    std::string address;         ///< peer_address()
    const bool stands_for_many;  ///< the shared entry of all clients of Unix sockets
    const std::uint64_t held_bytes_max;
    std::atomic<std::uint32_t> calls{0};        ///< in flight
    std::atomic<std::int64_t> held_bytes{0};    ///< by its calls
    std::atomic<std::uint64_t> known_bytes{0};  ///< received by known calls, with an allowance for their headers

    // Connections::sweep() only.
    base::Fd descriptor;                 ///< a duplicate; closed with the connection
    std::uint64_t received_bytes = 0;    ///< by the kernel
    double drained_bytes = 0;            ///< forgiven so far because they arrived slowly
    double unexplained_bytes = 0;        ///< received, but not by a known call
    StreamCounts streams;                ///< gRPC's last counts
    std::uint64_t counted_at_bytes = 0;  ///< received_bytes then
    std::chrono::steady_clock::time_point counted = std::chrono::steady_clock::now();  ///< time of those counts
    double recent_resets = 0;  ///< calls that the client reset; decays with time
};

/// Why a connection was closed.
enum class Abuse : std::uint8_t { none, unexplained_bytes, resets, memory };
const char* describe(Abuse abuse) noexcept;

/// Supplied by rpc/, because gRPC has the counts and net/ does not use gRPC. Nothing if gRPC does not know that peer.
using CountStreams = std::function<std::optional<StreamCounts>(const std::string& peer)>;

/// The open TCP connections of a server. Clients of a Unix socket have no names in gRPC and share one entry. Only the limits
/// for all clients together bound them, because they are users of this machine.
class Connections {
public:
    /// Acceptor's thread, before gRPC gets the connection. Does nothing if the descriptor cannot be duplicated.
    void add(int fd);
    /// The connection of a call's peer. Any thread.
    std::shared_ptr<Connection> find(const std::string& peer) const;
    /// The entry of a user of another face, who may have many connections. It lives as long as its tickets. Any thread.
    std::shared_ptr<Connection> user(const std::string& name, std::uint64_t held_bytes_max);
    std::size_t size() const;  // any thread

    struct Closed {
        std::string peer;
        std::string address;  ///< peer_address()
        Abuse abuse = Abuse::none;
    };
    /// Removes connections that have ended, and closes those that abuse the server; the limits are lower for addresses in
    /// `suspects`. If `excess_bytes` of memory are in use beyond the limit, it also closes the connections that hold the most,
    /// until they add up to that. Calls `count_streams` only for connections that may be closed. Acceptor's thread only.
    std::vector<Closed> sweep(std::chrono::steady_clock::time_point now, std::int64_t excess_bytes,
                              const CountStreams& count_streams, const Probation& suspects);
    /// Whether a connection sent much between the last two sweeps, so that the next one should come soon. Acceptor's thread
    /// only.
    bool busy() const noexcept { return busy_; }

private:
    Abuse check(Connection& connection, double seconds, const CountStreams& count_streams, const Probation& suspects);
    bool is_count_due(const Connection& connection, bool is_busy, bool is_leaving) const;
    static bool count(Connection& connection, std::chrono::steady_clock::time_point now,
                      const CountStreams& count_streams);
    std::vector<Closed> shed(std::int64_t excess_bytes, const CountStreams& count_streams);

    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Connection>> connections_;  ///< guarded by mutex_
    std::unordered_map<std::string, std::weak_ptr<Connection>> users_;          ///< guarded by mutex_
    const std::shared_ptr<Connection> unnamed_ = std::make_shared<Connection>("unix:", true);
    std::chrono::steady_clock::time_point swept_ = std::chrono::steady_clock::now();
    bool busy_ = false;
};

/// gRPC's name for a TCP peer; empty if the descriptor is not TCP.
std::string peer_name(int fd);

}  // namespace vserd::net
