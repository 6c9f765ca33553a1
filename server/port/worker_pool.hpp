#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "io/loop.hpp"

namespace vserd::port {

/// Threads for calls that a bad driver can hang: open, close, slow ioctls. Each port has at most one job here, so the
/// queue is bounded by the number of ports.
class WorkerPool {
public:
    explicit WorkerPool(io::Loop& loop, std::size_t threads_max = 8);
    /// Waits a little for running jobs, then leaves hung ones behind: they own what they use and nothing comes back.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    /// Runs `job` on some thread of the pool, then `done` on the io thread, unless the pool ended in between. `job`
    /// must own all that it uses; `done` must not rely on running.
    void run(std::function<void()> job, std::function<void()> done);

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;  // with the threads, which may be stuck in a driver when the pool ends
};

}  // namespace vserd::port
