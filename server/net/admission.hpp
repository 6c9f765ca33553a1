#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "net/connections.hpp"
#include "net/front_end.hpp"

namespace vserd::net {

/// Memory of a call apart from its messages: gRPC's objects and ours. Measured with gRPC 1.51, rounded up.
inline constexpr std::size_t call_bytes = std::size_t{16} << 10;
inline constexpr std::size_t stream_bytes = std::size_t{32} << 10;
/// Message bytes that every call may use, so that an open console still accepts keys when the server is full.
inline constexpr std::size_t prepaid_bytes = std::size_t{4} << 10;

enum class Refusal : std::uint8_t {
    memory,
    calls,
    connection_bytes,
    connection_resets,
    connection_memory,
    write_bytes,
    unauthenticated,  ///< a token that proves nothing
    role              ///< the client's role is too low
};
inline constexpr std::size_t refusals_count = 8;

class Admission;

/// One call's share of the memory that calls may use. The destructor releases it. Any thread, one at a time.
class Ticket {
public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)),
          connection_(std::move(other.connection_)),
          bytes_(std::exchange(other.bytes_, 0)),
          messages_bytes_(std::exchange(other.messages_bytes_, 0)),
          is_call_(other.is_call_) {}
    Ticket& operator=(Ticket&& other) noexcept {
        std::swap(admission_, other.admission_);
        std::swap(connection_, other.connection_);
        std::swap(bytes_, other.bytes_);
        std::swap(messages_bytes_, other.messages_bytes_);
        std::swap(is_call_, other.is_call_);
        return *this;
    }
    ~Ticket();

    /// Another one for the same call, which another thread may use. It holds nothing yet.
    Ticket another() const;
    /// Reserves memory for messages; the first prepaid_bytes are part of the call. Returns false at the limit.
    [[nodiscard]] bool grow(std::size_t bytes);
    void shrink(std::size_t bytes);
    /// A message of the call has arrived: its bytes are accounted for.
    void received(std::size_t bytes);

private:
    friend class Admission;
    bool charge(std::size_t bytes);
    bool charge_connection(std::size_t bytes);
    void refund(std::size_t bytes);

    Ticket(Admission& admission, std::shared_ptr<Connection> connection, std::size_t bytes)
        : admission_(&admission), connection_(std::move(connection)), bytes_(bytes) {}

    Admission* admission_ = nullptr;
    std::shared_ptr<Connection> connection_;  // shared, because Connections may remove it first
    std::size_t bytes_ = 0;                   ///< counted by the admission
    std::size_t messages_bytes_ = 0;          ///< requested from grow(), including the prepaid bytes
    bool is_call_ = true;                     ///< counts as a call of the connection
};

/// Counts the calls in flight and the bytes that they hold. Rejects a call beyond the limits before it is posted to the io
/// thread. Any thread. Outlives the tickets.
class Admission {
public:
    /// `memory_max`: [server] memory_max. Calls may hold half of it. A quarter is for bytes that gRPC holds before a call
    /// reaches vserd. If memory still runs out, connections are closed (MemoryGuard).
    explicit Admission(std::uint64_t memory_max);

    /// A call of `peer` begins with `bytes` of request. `fixed_bytes` is call_bytes or stream_bytes. Fails with
    /// Failure::exhausted and the limit as subject ("memory_max" or "calls_per_connection_max").
    Result<Ticket> admit(const std::string& peer, std::size_t fixed_bytes, std::size_t bytes);

    /// A request of `user` of another face begins, or a WebSocket. Fails with Failure::exhausted and "calls_per_user_max". Its
    /// bytes, and those of admit_part(), are at most a quarter of memory_max, which is half of what all calls may hold.
    Result<Ticket> admit_user(const std::string& user);
    /// The call that such a request becomes.
    Result<Ticket> admit_part(const std::string& user, std::size_t bytes);

    Error memory_refusal();
    void count(Refusal refusal) noexcept { refused_[static_cast<std::size_t>(refusal)].fetch_add(1); }
    std::uint64_t memory_max() const noexcept { return memory_max_; }
    std::uint64_t held_bytes() const noexcept { return held_.load(std::memory_order_relaxed); }
    Connections& connections() noexcept { return connections_; }

    std::vector<Refused> refused() const;

private:
    friend class Ticket;
    std::shared_ptr<Connection> user(const std::string& name) { return connections_.user(name, memory_max_ / 4); }
    bool take(std::size_t bytes) noexcept;
    void give_back(std::size_t bytes) noexcept { held_.fetch_sub(bytes, std::memory_order_relaxed); }

    const std::uint64_t memory_max_;
    const std::uint64_t calls_bytes_max_;
    std::atomic<std::uint64_t> held_{0};
    std::array<std::atomic<std::uint64_t>, refusals_count> refused_{};
    Connections connections_;
};

}  // namespace vserd::net
