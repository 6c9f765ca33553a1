#pragma once

#include <functional>
#include <memory>

#include "base/result.hpp"
#include "io/loop.hpp"

namespace vserd {

/// Runs work on files on one thread, in order, so that a slow disk delays only files. Io thread only.
class DiskThread {
public:
    /// `loop` outlives this. Fails if the system refuses to start a thread.
    static Result<std::unique_ptr<DiskThread>> start(io::Loop& loop);
    /// Waits briefly for queued work, then abandons the rest: the work owns what it uses, and its `done` is not called.
    ~DiskThread();
    DiskThread(const DiskThread&) = delete;
    DiskThread& operator=(const DiskThread&) = delete;

    /// Runs `work` on the thread, then `done` on the io thread. `work` must own everything that it uses. The callers bound the
    /// queue: one reload, and a file or two for each port.
    void run(std::function<void()> work, std::function<void()> done);

private:
    struct Shared;
    explicit DiskThread(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

    std::shared_ptr<Shared>
        shared_;  // shared with the thread, which a hung disk may keep alive after the owner is gone
};

}  // namespace vserd
