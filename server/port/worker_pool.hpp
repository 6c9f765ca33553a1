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
    std::size_t threads_max = 8;  ///< threads that are not in a slow call
    /// Threads in a slow call, one that has taken longer than `slow_after`. They do not count towards threads_max, so that a
    /// hung device does not delay others. A port has one call at a time, so this is the number of hung devices.
    std::size_t slow_max = 1024;
    std::chrono::milliseconds slow_after{100};
};

/// Any thread.
struct WorkerStats {
    std::atomic<std::uint32_t> threads{0};
    std::atomic<std::uint32_t> hung{0};     ///< calls that have not returned within their limit
    std::atomic<std::uint64_t> refused{0};  ///< calls that no thread started in time
};

/// A call that may hang in a driver. Either `done` or `refused` runs at the end, unless the call never returns or the pool
/// is destroyed first.
struct Job {
    std::function<void()> work;                 ///< on a worker; must own everything that it uses
    std::function<void()> done;                 ///< on the io thread, after `work` has returned, however late
    std::function<void()> overdue;              ///< on the io thread, if `work` has not returned within `limit`
    std::function<void(const Error&)> refused;  ///< on the io thread, if no thread started it within `limit`
    std::chrono::milliseconds limit{5000};
};

/// Threads for calls that may hang in a driver: open, close, slow ioctls. Each port has at most one job, so the number of
/// ports bounds the queue. Io thread only.
class WorkerPool {
public:
    explicit WorkerPool(io::Loop& loop, WorkerLimits limits = {});
    /// Waits a short time for running jobs. Threads of hung jobs continue, but run no callbacks.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    void run(Job job);
    const std::shared_ptr<const WorkerStats>& stats() const noexcept { return stats_; }

private:
    struct Shared;
    void watch();
    void check();

    std::shared_ptr<Shared> shared_;  // shared with the threads, which may outlive the pool
    std::shared_ptr<const WorkerStats> stats_;
    boost::asio::steady_timer timer_;
    bool watching_ = false;
};

}  // namespace vserd::port
