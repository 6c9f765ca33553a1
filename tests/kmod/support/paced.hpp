/// Time on a paced wire, for tests of what has crossed it at a moment at which nobody looked.
#pragma once

#include <chrono>
#include <cstddef>

namespace vserd::kmodtest {

using Clock = std::chrono::steady_clock;

/// Seconds that a byte takes at 115200 8N1.
constexpr double byte_seconds = 10.0 / 115200;

/// Whole bytes that cross in a time.
inline std::size_t bytes_in(Clock::duration time, double seconds_each = byte_seconds) {
    return static_cast<std::size_t>(std::chrono::duration<double>(time).count() / seconds_each);
}

/// Spins without a call that the driver would notice.
inline void pass_until(Clock::time_point moment) {
    while (Clock::now() < moment) {
    }
}

/// A run of bytes and a moment in it when many more have arrived than the driver has looked at: with unread bytes it looks
/// every 16 ms, first after 4.
constexpr std::size_t run_bytes = 300;
constexpr std::chrono::milliseconds between_looks{11};

}  // namespace vserd::kmodtest
