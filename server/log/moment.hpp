#pragma once

#include <chrono>

namespace vserd::log {

using WallTime = std::chrono::system_clock::time_point;

/// The time since the machine booted, including suspend. This clock cannot be set, so everything is ordered by it.
struct BootClock {
    // NOLINTBEGIN(readability-identifier-naming): the names that <chrono> requires of a clock
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    // NOLINTEND(readability-identifier-naming)
    static constexpr bool is_steady = true;

    static time_point now() noexcept;
};
using BootTime = BootClock::time_point;

/// The boot time of everything before this boot, of which only the wall time is known.
inline constexpr BootTime before_this_boot = BootTime::min();

/// A moment by both clocks: the wall clock to show, the boot clock to order.
struct Moment {
    WallTime wall;
    BootTime boot;

    /// Reads both clocks, as closely together as a busy machine allows.
    static Moment now() noexcept;
};

}  // namespace vserd::log
