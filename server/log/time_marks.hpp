#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "log/log_clock.hpp"
#include "log/log_layout.hpp"

namespace vserd::log {

/// When the bytes of a log were received: a ring of marks in the log's store, of which each covers the bytes up to its
/// end. New bytes are told apart to the millisecond; when the ring is full, old ones less finely, by a part of their age.
/// Io thread only.
class TimeMarks {
public:
    TimeMarks(LogHeader& header, std::span<TimeMark, log_time_marks_max> ring, const LogClock& clock) noexcept
        : header_(header), ring_(ring), clock_(clock) {}

    /// After another process: makes the marks end at the log's head, whatever a kill left.
    void take_over(std::uint64_t head, Moment now);
    /// The bytes before `end_offset` are there now.
    void add(std::uint64_t end_offset, Moment received);
    void trim(std::uint64_t oldest_offset);
    /// Forgets all.
    void begin_again() noexcept;
    /// Requires that there is a byte.
    Moment received_at(std::uint64_t byte) const;
    /// The first byte received at or after `time`, from `oldest` on; `head` if there is none.
    std::uint64_t offset_at(const Moment& time, std::uint64_t oldest, std::uint64_t head) const;

private:
    TimeMark& at(std::size_t index) const noexcept { return ring_[(first_ + index) % log_time_marks_max]; }
    TimeMark mark_of(std::uint64_t end_offset, Moment received) const noexcept;
    void place() noexcept;
    void make_room(Moment now) noexcept;
    void merge_closer_than(std::int64_t part_of_age, WallTime now) noexcept;

    LogHeader& header_;
    std::span<TimeMark, log_time_marks_max> ring_;
    const LogClock& clock_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    BootTime started_;  ///< when the first byte of the last mark came
    std::int64_t part_of_age_ = std::int64_t{1} << 14U;
};

}  // namespace vserd::log
