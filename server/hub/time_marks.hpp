#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "hub/byte_log_items.hpp"
#include "hub/log_layout.hpp"

namespace vserd::hub {

/// When the bytes of a log were received: a ring of marks in the log's store, of which each covers the bytes up to its
/// end. When it is full, the resolution halves. Io thread only.
class TimeMarks {
public:
    TimeMarks(LogHeader& header, std::span<TimeMark, log_time_marks_max> ring) noexcept
        : header_(header), ring_(ring) {}

    /// After another process: makes the marks end at the log's head, whatever a kill left.
    void take_over(std::uint64_t head, Moment now);
    /// The bytes before `end_offset` are there now.
    void add(std::uint64_t end_offset, Moment received);
    void trim(std::uint64_t oldest_offset);
    /// Requires that there is a byte.
    Moment received_at(std::uint64_t byte) const;
    /// The first byte received at or after `time`, from `oldest` on; `head` if there is none.
    std::uint64_t offset_at(WallTime time, std::uint64_t oldest, std::uint64_t head) const;

private:
    TimeMark& at(std::size_t index) const noexcept { return ring_[(first_ + index) % log_time_marks_max]; }
    void place() noexcept;
    void halve() noexcept;

    LogHeader& header_;
    std::span<TimeMark, log_time_marks_max> ring_;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
    SteadyTime started_;  ///< when the first byte of the last mark came
    std::chrono::nanoseconds interval_ = std::chrono::milliseconds{1};
};

}  // namespace vserd::hub
