#pragma once

#include <functional>
#include <memory>

#include "base/result.hpp"
#include "io/loop.hpp"

namespace vserd {

/// One thread for work on files, in the order in which it was asked for: a slow disk delays files only. Io thread only.
class DiskThread {
public:
    /// `loop` outlives it. Fails if the system gives no thread.
    static Result<std::unique_ptr<DiskThread>> start(io::Loop& loop);
    /// Waits a little for what is queued, then leaves the rest behind: the work owns what it uses, and nothing comes back.
    ~DiskThread();
    DiskThread(const DiskThread&) = delete;
    DiskThread& operator=(const DiskThread&) = delete;

    /// Runs `work` on the thread, then `done` on the io thread. `work` must own all that it uses. The callers bound how many
    /// there are: one reload, and a file or two for each port.
    void run(std::function<void()> work, std::function<void()> done);

private:
    struct Shared;
    explicit DiskThread(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

    std::shared_ptr<Shared> shared_;  // with the thread, which a hung disk may keep beyond the end
};

}  // namespace vserd
