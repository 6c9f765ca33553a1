#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "net/admission.hpp"
#include "net/hand_over.hpp"
#include "net/listen_socket.hpp"
#include "net/memory_guard.hpp"
#include "net/probation.hpp"

namespace vserd::net {

/// Descriptors kept free for devices and files.
inline constexpr std::uint64_t descriptors_reserved = 512;

/// Of `limit` descriptors, those that connections may use.
constexpr std::uint64_t descriptors_usable(std::uint64_t limit) {
    return limit - std::min(descriptors_reserved, limit / 4);
}
/// The lowest limit with `usable` usable descriptors.
constexpr std::uint64_t descriptor_limit_for(std::uint64_t usable) {
    return std::min(usable + descriptors_reserved, usable + (usable + 2) / 3);
}

/// Accepts connections on its own thread and passes them to the front end. gRPC's listener stops accepting for good when
/// descriptors run out (https://github.com/grpc/grpc/issues/20418); this one rejects connections until some are free.
///
/// The same thread checks all connections several times a second, and closes those that abuse the server. So that a client
/// cannot keep it from that, the front end gets the connections on another thread.
class Acceptor {
public:
    struct Listener {
        net::ListenSocket socket;
        std::function<void(int listener, base::Fd connection)> accepted;  ///< on a thread of its own
    };

    /// Reports connections that were closed. Called on the acceptor's thread.
    using Warn = std::function<void(const std::string& message)>;

    /// `admission` outlives this; `count_streams` is called on the acceptor's thread.
    Acceptor(std::vector<Listener> listeners, Admission& admission, CountStreams count_streams, Warn warn);
    ~Acceptor();  ///< calls stop()
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    /// Closes the sockets. `accepted` is not called afterwards.
    void stop();
    /// Connections rejected because too few descriptors were free. Any thread.
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
    /// Connections rejected because their address abused the server and too many others from it were waiting. Any thread.
    std::uint64_t refused_address() const noexcept { return refused_address_.load(std::memory_order_relaxed); }

private:
    void run();
    int wait_ms() const;
    bool accept_some(std::size_t listener);
    void admit_waiting(Probation::Clock::time_point now);
    void admit(std::size_t listener, base::Fd connection);
    void sweep(Probation::Clock::time_point now);

    std::vector<Listener> listeners_;
    Admission& admission_;
    const CountStreams count_streams_;
    const Warn warn_;
    MemoryGuard guard_;                    ///< acceptor's thread only
    Probation probation_;                  ///< acceptor's thread only
    const std::uint64_t descriptors_max_;  ///< a connection with a higher descriptor is rejected
    base::Fd wake_;
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> refused_address_{0};
    bool short_of_room_ = false;  ///< of descriptors, or in hand_over_; acceptor's thread only
    bool idle_ = true;            ///< no connections; acceptor's thread only
    HandOver hand_over_;
    std::thread thread_;
};

}  // namespace vserd::net
