#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "log/log_clock.hpp"
#include "log/log_layout.hpp"

namespace vserd::log {

/// The receive times of a log's bytes: a ring of marks in the log's store. Each mark covers the bytes up to its end. New marks
/// have a resolution of a millisecond. When the ring is full, old marks are merged to a resolution relative to their age. Marks of
/// this boot hold the time since boot; earlier ones hold the wall time that their boot knew at its end. Io thread only.
class TimeMarks {
public:
    TimeMarks(LogHeader& header, std::span<TimeMark, log_time_marks_max> ring, const LogClock& clock) noexcept
        : header_(header), ring_(ring), clock_(clock) {}

    /// Resumes the marks of the previous process, and makes them consistent with the log's head after a kill.
    void take_over(std::uint64_t head, Moment now);
    /// The bytes before `end_offset` have been received.
    void add(std::uint64_t end_offset, Moment received);
    void trim(std::uint64_t oldest_offset);
    /// Removes all marks.
    void clear() noexcept;
    /// Requires a log that is not empty.
    Moment received_at(std::uint64_t byte) const;
    /// The end of the bytes from `byte` on that have the same time. Requires a log that is not empty.
    std::uint64_t same_time_until(std::uint64_t byte) const;
    /// The first byte received at or after `time`, from `oldest` on; `head` if there is none.
    std::uint64_t offset_at(const Moment& time, std::uint64_t oldest, std::uint64_t head) const;

private:
    TimeMark& at(std::size_t index) const noexcept { return ring_[(first_ + index) % log_time_marks_max]; }
    const TimeMark& mark_at(std::uint64_t byte) const;
    static TimeMark mark_of(std::uint64_t end_offset, Moment received) noexcept;
    Moment moment_of(const TimeMark& mark) const noexcept;
    void begin_boot() noexcept;
    void place() noexcept;
    void make_room(Moment now) noexcept;
    void merge_closer_than(std::int64_t part_of_age, WallTime now) noexcept;

    LogHeader& header_;
    std::span<TimeMark, log_time_marks_max> ring_;
    const LogClock& clock_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    BootTime started_;  ///< time of the first byte of the last mark
    std::int64_t part_of_age_ = std::int64_t{1} << 14U;
};

}  // namespace vserd::log
