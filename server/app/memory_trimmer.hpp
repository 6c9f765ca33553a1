#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace vserd {

/// Returns freed memory to the system. The C library would keep it: hundreds of MB after a flood of connections. A separate
/// thread checks every few seconds, and trims only when much is free, because threads that allocate wait meanwhile.
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
