#pragma once

#include "log/log_layout.hpp"
#include "log/moment.hpp"

namespace vserd::log {

/// Converts the times in a log to the system's clock. A log is ordered by the time since boot, which cannot be set. The
/// conversion uses the system's clock as it is set now, so bytes that arrived while it was wrong show the right time later.
/// The store keeps the offset between the clocks for the next process and the next boot. Io thread only.
class LogClock {
public:
    explicit LogClock(LogHeader& header);

    /// Updates the offset, because the system's clock may have been set.
    void note(Moment now) noexcept;

    /// Of this boot of the machine.
    std::uint64_t boot() const noexcept { return boot_; }
    SavedTime saved(Moment at) const noexcept;
    /// By the system's clock as it is set now, if the time is from this boot.
    Moment moment_of(const SavedTime& time) const noexcept;
    WallTime wall_of(Moment at) const noexcept;
    /// For a search: rounded down by the difference that two readings of the clocks may have.
    Moment moment_at(WallTime wall) const noexcept;

private:
    void begin_boot() noexcept;

    LogHeader& header_;
    const std::uint64_t boot_;
    std::int64_t offset_ns_ = 0;  ///< system's clock minus time since boot
};

/// Whether `at` is not before `wanted`.
bool reaches(const Moment& at, const Moment& wanted) noexcept;

}  // namespace vserd::log
