#pragma once

#include <chrono>
#include <ctime>

namespace vserd::fleet {

/// Counts also while the machine sleeps, unlike std::chrono::steady_clock: the time that etcd counts for a lease.
struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept {
        std::timespec time{};
        static_cast<void>(::clock_gettime(CLOCK_BOOTTIME, &time));  // cannot fail on Linux
        return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
    }
};

}  // namespace vserd::fleet
