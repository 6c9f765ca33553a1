#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/fd.hpp"

namespace vserd::net {

/// Connections waiting for the front end. The acceptor stops accepting at this number; clients wait in the backlog.
inline constexpr std::size_t handed_over_max = 64;

/// Passes connections to the front end on a thread of its own. gRPC works for a new connection on the thread that passes it on,
/// for as long as the client has sent more, so whoever watches over connections must not be that thread.
class HandOver {
public:
    struct Connection {
        std::size_t listener = 0;
        base::Fd descriptor;
    };
    using Take = std::function<void(Connection)>;

    /// `take` is called on the thread of this.
    explicit HandOver(Take take);
    ~HandOver();  ///< calls stop()
    HandOver(const HandOver&) = delete;
    HandOver& operator=(const HandOver&) = delete;

    /// Any thread.
    bool full() const;
    /// Any thread. Ask full() first. Closes the connection after stop().
    void add(Connection connection);
    /// Closes what waits, and returns when `take` has returned.
    void stop();

private:
    void run();

    const Take take_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Connection> waiting_;  ///< guarded by mutex_
    bool stopping_ = false;           ///< guarded by mutex_
    std::thread thread_;
};

}  // namespace vserd::net
