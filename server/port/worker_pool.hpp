#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.hpp"
#include "io/loop.hpp"

namespace vserd::port {

struct WorkerLimits {
    std::size_t threads_max = 8;  ///< that run at once, apart from the slow ones
    /// Threads in a call that has taken longer than `slow_after`. Each no longer counts as one of the above, so that a device
    /// that hangs does not keep others waiting. A port has one call at a time: this is a number of bad devices.
    std::size_t slow_max = 1024;
    std::chrono::milliseconds slow_after{100};
};

/// Any thread.
struct WorkerStats {
    std::atomic<std::uint32_t> threads{0};
    std::atomic<std::uint32_t> hung{0};     ///< calls that are past their limit and have not returned
    std::atomic<std::uint64_t> refused{0};  ///< calls that no thread began in time
};

/// A call that a bad driver can hang. Either `done` or `refused` runs in the end, unless the call never returns or the pool
/// ends first.
struct Job {
    std::function<void()> work;                 ///< on a worker; must own all that it uses
    std::function<void()> done;                 ///< on the io thread, when `work` has returned, however late
    std::function<void()> overdue;              ///< on the io thread, before `done`: `work` began `limit` ago
    std::function<void(const Error&)> refused;  ///< on the io thread: no thread began it within `limit`
    std::chrono::milliseconds limit{5000};
};

/// Threads for calls that a bad driver can hang: open, close, slow ioctls. Each port has at most one job here, so the queue is
/// bounded by the number of ports. Io thread only.
class WorkerPool {
public:
    explicit WorkerPool(io::Loop& loop, WorkerLimits limits = {});
    /// Waits a little for running jobs, then leaves hung ones behind: they own what they use and nothing comes back.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    void run(Job job);
    const std::shared_ptr<const WorkerStats>& stats() const noexcept { return stats_; }

private:
    struct Shared;
    void watch();
    void check();

    std::shared_ptr<Shared> shared_;  // with the threads, which may be stuck in a driver when the pool ends
    std::shared_ptr<const WorkerStats> stats_;
    boost::asio::steady_timer timer_;
    bool watching_ = false;
};

}  // namespace vserd::port
