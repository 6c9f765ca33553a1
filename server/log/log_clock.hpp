#pragma once

#include "log/log_layout.hpp"
#include "log/moment.hpp"

namespace vserd::log {

/// Maps the times in a log to the system's clock. The log is ordered by the clock that nobody sets, and a time is shown as
/// the system's clock counts when it is asked for: what came under a wrong clock shows the right time once that is set.
/// What the clocks differed by lies in the log's store, for the next process and the next boot. Io thread only.
class LogClock {
public:
    explicit LogClock(LogHeader& header);

    /// The clocks were read: the system's may have been set since.
    void note(Moment now) noexcept;

    SavedTime saved(Moment at) const noexcept;
    /// As the system's clock counts now, where it was in this boot.
    Moment moment_of(const SavedTime& time) const noexcept;
    WallTime wall_of(Moment at) const noexcept;
    /// For a search: a little before the time where the clocks do not agree to the last digit.
    Moment moment_at(WallTime wall) const noexcept;

private:
    void begin_boot() noexcept;

    LogHeader& header_;
    const std::uint64_t boot_;
    std::int64_t offset_ns_ = 0;  ///< of the system's clock, against the time since boot
};

/// Whether `at` is not before `wanted`.
bool reaches(const Moment& at, const Moment& wanted) noexcept;

}  // namespace vserd::log
