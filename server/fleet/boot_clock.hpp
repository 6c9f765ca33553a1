#pragma once

#include <chrono>
#include <ctime>

namespace vserd::fleet {

/// Since the machine was started, counting also while it slept, unlike std::chrono::steady_clock: the time that etcd counts for a
/// lease.
using BootTime = std::chrono::nanoseconds;

inline BootTime boot_time_now() noexcept {
    std::timespec time{};
    static_cast<void>(::clock_gettime(CLOCK_BOOTTIME, &time));  // cannot fail on Linux
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace vserd::fleet
