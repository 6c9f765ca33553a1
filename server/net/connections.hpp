#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"

namespace vserd::net {

/// As HTTP/2 allows a connection (rpc/server.cpp), with room for calls whose end is under way.
inline constexpr std::uint32_t calls_per_connection_max = 2048 + 256;

/// Calls of one connection, those included that our code has not seen yet.
struct StreamCounts {
    std::uint64_t started = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;  ///< the client gave them up

    std::uint64_t open() const noexcept { return started - succeeded - failed; }
};

/// What one connection does, so that one that abuses the server can be told from the others and be closed. gRPC does not say
/// what it receives, so the kernel is asked (TCP_INFO) on a duplicate of the descriptor.
struct Connection {
    explicit Connection(std::string name, bool many = false) : peer(std::move(name)), stands_for_many(many) {}

    const std::string peer;                     ///< as gRPC names it: "ipv4:127.0.0.1:4711"
    const bool stands_for_many;                 ///< for all clients of Unix sockets
    std::atomic<std::uint32_t> calls{0};        ///< in flight
    std::atomic<std::int64_t> held_bytes{0};    ///< by its calls
    std::atomic<std::uint64_t> known_bytes{0};  ///< received by calls that reached us, with room for their headers

    // Connections::sweep() only.
    base::Fd descriptor;               ///< a duplicate; closed with the connection
    std::uint64_t received_bytes = 0;  ///< by the kernel
    double drained_bytes = 0;          ///< let pass so far because they came slowly
    double unexplained_bytes = 0;      ///< received, and no call accounts for them
    StreamCounts streams;              ///< when gRPC was last asked
    std::chrono::steady_clock::time_point counted = std::chrono::steady_clock::now();  ///< then
    double recent_resets = 0;  ///< calls that the client gave up, and time has not forgiven
};

/// Why a connection was closed.
enum class Abuse : std::uint8_t { none, unexplained_bytes, resets, memory };
const char* describe(Abuse abuse) noexcept;

/// gRPC counts them, and net does not know gRPC.
using CountStreams = std::function<StreamCounts(const std::string& peer)>;

/// The open TCP connections of a server. Clients of a Unix socket have no names in gRPC and share one entry; the system's own
/// users are bounded by the calls and bytes of all.
class Connections {
public:
    /// Called on the acceptor's thread, before gRPC has it. Does nothing for a descriptor that cannot be duplicated.
    void add(int fd);
    /// Of a call's peer. Any thread.
    std::shared_ptr<Connection> find(const std::string& peer) const;
    std::size_t size() const;  // any thread

    struct Closed {
        std::string peer;
        std::string address;  ///< peer_address()
        Abuse abuse = Abuse::none;
    };
    /// Forgets connections that ended, and shuts down those that abuse the server. `excess_bytes`: how much more memory is
    /// held than may be; then the ones that hold the most go, until those have as much. `count_streams` is asked about
    /// connections that send much, or that sent much which no call accounts for. The acceptor's thread.
    std::vector<Closed> sweep(std::chrono::steady_clock::time_point now, std::int64_t excess_bytes,
                              const CountStreams& count_streams);
    /// Whether one of them sent much between the last two sweeps, so that the next one should come soon. The acceptor's thread.
    bool busy() const noexcept { return busy_; }

private:
    Abuse judge(Connection& connection, double seconds, const CountStreams& count_streams);
    static void count(Connection& connection, std::chrono::steady_clock::time_point now,
                      const CountStreams& count_streams);
    std::vector<Closed> shed(std::int64_t excess_bytes);

    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::shared_ptr<Connection>> connections_;  ///< guarded by mutex_
    const std::shared_ptr<Connection> unnamed_ = std::make_shared<Connection>("unix:", true);
    std::chrono::steady_clock::time_point swept_ = std::chrono::steady_clock::now();
    bool busy_ = false;
};

/// gRPC's name for a TCP peer; empty for what is not TCP.
std::string peer_name(int fd);

}  // namespace vserd::net
