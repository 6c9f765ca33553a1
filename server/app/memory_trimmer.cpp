#include "app/memory_trimmer.hpp"

#include <malloc.h>
#include <pthread.h>

#include <chrono>
#include <cstddef>

namespace vserd {
namespace {

constexpr std::chrono::seconds interval{5};
/// Trimming less than this is not worth the pause.
constexpr std::size_t free_bytes_min = std::size_t{16} << 20;

bool worth_trimming() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.fordblks >= free_bytes_min && info.fordblks >= info.uordblks / 2;
}

}  // namespace

MemoryTrimmer::MemoryTrimmer() : thread_([this] { run(); }) {
    ::pthread_setname_np(thread_.native_handle(), "vserd-memory");
}

MemoryTrimmer::~MemoryTrimmer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    stop_requested_.notify_all();
    thread_.join();
}

void MemoryTrimmer::run() {
    std::size_t free_after_trim = 0;  // trimming cannot return this: it is scattered between blocks in use
    std::unique_lock lock(mutex_);
    while (!stop_requested_.wait_for(lock, interval, [this] { return stopping_; })) {
        if (!worth_trimming() || ::mallinfo2().fordblks < free_after_trim + free_bytes_min) continue;
        ::malloc_trim(0);
        free_after_trim = ::mallinfo2().fordblks;
    }
}

}  // namespace vserd
