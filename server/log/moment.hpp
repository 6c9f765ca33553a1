#pragma once

#include <chrono>

namespace vserd::log {

using WallTime = std::chrono::system_clock::time_point;

/// The time since the machine booted, time asleep included: nobody sets this clock, so everything is measured and ordered
/// by it.
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

/// Of everything that happened before this boot. Its wall time is all that is known.
inline constexpr BootTime before_this_boot = BootTime::min();

/// A moment by both clocks: one for people, one for the program.
struct Moment {
    WallTime wall;
    BootTime boot;

    /// Reads both clocks at once, as nearly as a busy machine allows.
    static Moment now() noexcept;
};

}  // namespace vserd::log
