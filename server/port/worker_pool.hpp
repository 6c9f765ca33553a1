#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace vserd::port {

/// Threads for calls that a bad driver can hang: open, close, slow ioctls. Each port has at most one job here, so the
/// queue is bounded by the number of ports.
class WorkerPool {
public:
    explicit WorkerPool(std::size_t threads_max = 8);
    /// Waits a little for running jobs, then leaves hung ones behind: their threads own what they use.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Runs `job` on some thread of the pool; jobs start in order.
    void run(std::function<void()> job);  // any thread

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;  // with the threads, which may be stuck in a driver when the pool ends
};

}  // namespace vserd::port
