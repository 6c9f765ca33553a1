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
#include "net/listen_socket.hpp"
#include "net/memory_guard.hpp"
#include "net/probation.hpp"

namespace vserd::net {

/// Descriptors that connections may not use up, so that devices and files can still be opened.
inline constexpr std::uint64_t descriptors_reserved = 512;

/// Of so many, those that connections and everything else may use up.
constexpr std::uint64_t descriptors_usable(std::uint64_t limit) {
    return limit - std::min(descriptors_reserved, limit / 4);
}
/// The lowest limit of which so many are usable.
constexpr std::uint64_t descriptor_limit_for(std::uint64_t usable) {
    return std::min(usable + descriptors_reserved, usable + (usable + 2) / 3);
}

/// Accepts connections on a thread of its own and hands them on. gRPC's own listener stops accepting for good when
/// descriptors run out (https://github.com/grpc/grpc/issues/20418); this one turns away what is too many and goes on.
///
/// The same thread looks after the connections: some times a second it closes those that abuse the server.
class Acceptor {
public:
    struct Listener {
        net::ListenSocket socket;
        std::function<void(int listener, base::Fd connection)> accepted;  ///< on the acceptor's thread
    };

    /// Tells of connections that were closed, on the acceptor's thread.
    using Warn = std::function<void(const std::string& message)>;

    /// `admission` outlives this; `count_streams` is called on the acceptor's thread.
    Acceptor(std::vector<Listener> listeners, Admission& admission, CountStreams count_streams, Warn warn);
    ~Acceptor();  ///< stops
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    /// No `accepted` runs after it returned; the sockets are closed.
    void stop();
    /// Connections turned away because descriptors were short. Any thread.
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
    /// The same because their address abused the server, and others of it were waiting already.
    std::uint64_t refused_address() const noexcept { return refused_address_.load(std::memory_order_relaxed); }

private:
    void run();
    int wait_ms() const;
    bool accept_some(std::size_t listener);
    void admit(std::size_t listener, base::Fd connection);
    void sweep(Probation::Clock::time_point now);

    std::vector<Listener> listeners_;
    Admission& admission_;
    const CountStreams count_streams_;
    const Warn warn_;
    MemoryGuard guard_;                    ///< the acceptor's thread
    Probation probation_;                  ///< the acceptor's thread
    const std::uint64_t descriptors_max_;  ///< a connection whose number is beyond this is turned away
    base::Fd wake_;
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> refused_address_{0};
    bool short_of_descriptors_ = false;  ///< the acceptor's thread
    bool idle_ = true;                   ///< the acceptor's thread: there are no connections
    std::thread thread_;
};

}  // namespace vserd::net
