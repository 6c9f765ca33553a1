#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "log/byte_log.hpp"
#include "log/moment.hpp"
#include "vser/v1/types.pb.h"

namespace vserd::rpc {

/// Where a reader of a log ends (ReadRequest.until and follow). Nothing here depends on where the log keeps its bytes: an end by
/// time is found by the receive times of what is read.
class ReadEnd {
public:
    /// The reader ends at the head of now, and earlier if set_until() says so; with `follow` it does not end at the head.
    ReadEnd(const log::ByteLog& log, bool follow);
    /// Failure::invalid_argument names the field.
    Result<void> set_until(const ::vser::v1::EndPoint& until);

    bool follow() const noexcept { return follow_; }
    /// Whether items must have exact times, because the end is a time.
    bool needs_exact_times() const noexcept { return time_.has_value(); }
    /// The maximum of bytes to read at `offset`; 0: the end was reached.
    std::uint64_t bytes_left(std::uint64_t offset) const noexcept;
    /// Whether the item is before the end.
    bool includes(const log::Item& item) const;
    /// Whether a reader at the head waits for more.
    bool waits_at_head() const;
    /// If waits_at_head() will change by itself: when to ask again.
    std::optional<std::chrono::steady_clock::time_point> ask_again_at() const;

private:
    const bool follow_;
    const std::uint64_t head_;        ///< without `follow` nothing from here on is read
    const std::uint64_t last_event_;  ///< the number of the last event at the head
    std::uint64_t offset_ = std::numeric_limits<std::uint64_t>::max();  ///< of `until`
    std::optional<log::WallTime> time_;                                 ///< of `until`
};

}  // namespace vserd::rpc
