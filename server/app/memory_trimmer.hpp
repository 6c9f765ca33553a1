#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace vserd {

/// Gives memory that was freed back to the system, which the C library keeps: after a flood of connections it would be
/// hundreds of MB that nobody uses. Looks every few seconds, on a thread of its own, and trims only when much is free, since
/// other threads that allocate wait meanwhile.
class MemoryTrimmer {
public:
    MemoryTrimmer();
    ~MemoryTrimmer();
    MemoryTrimmer(const MemoryTrimmer&) = delete;
    MemoryTrimmer& operator=(const MemoryTrimmer&) = delete;

private:
    void run();

    std::mutex mutex_;
    std::condition_variable stop_requested_;
    bool stopping_ = false;  ///< guarded by mutex_
    std::thread thread_;
};

}  // namespace vserd
