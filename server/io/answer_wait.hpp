#pragma once

#include <algorithm>
#include <chrono>

namespace vserd::io {

/// The time after bytes were sent to a device in which the loop polls instead of sleeping. The echo of a typed byte takes tens of
/// microseconds, and to wake a sleeping thread takes as long again, in a virtual machine even longer. A device that does not answer
/// is soon not waited for: each wait in vain doubles the number of sends without one. Nor is one while other threads need the CPU.
class AnswerWait {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::microseconds time_max{100};
    /// A poll that takes longer was interrupted by another thread.
    static constexpr std::chrono::microseconds poll_max{500};
    static constexpr unsigned skipped_max = 63;

    /// Bytes were sent.
    void begin(Time now) noexcept {
        if (now >= end_) note_outcome();
        if (left_to_skip_ > 0) {
            --left_to_skip_;
            return;
        }
        end_ = now + time_max;
    }
    /// Bytes came from a device.
    void answered() noexcept { answered_ = true; }

    /// Whether to poll, or poll again.
    bool goes_on(Time now) noexcept {
        if (last_poll_ != Time{} && now - last_poll_ > poll_max) give_up();
        last_poll_ = now;
        return now < end_;
    }
    bool goes_on() noexcept { return end_ != Time{} && goes_on(std::chrono::steady_clock::now()); }
    /// The polls end for now.
    void pause() noexcept { last_poll_ = {}; }

private:
    void note_outcome() noexcept {
        if (end_ == Time{}) return;
        skip(answered_ ? skipped_ / 2 : std::min(2 * skipped_ + 1, skipped_max));
    }
    void give_up() noexcept { skip(skipped_max); }
    void skip(unsigned sends) noexcept {
        end_ = {};
        answered_ = false;
        skipped_ = sends;
        left_to_skip_ = sends;
    }

    Time end_{};        ///< of the present or last wait; zero: none
    Time last_poll_{};  ///< zero: none since pause()
    bool answered_ = false;
    unsigned skipped_ = 0;  ///< sends without a wait after each wait
    unsigned left_to_skip_ = 0;
};

}  // namespace vserd::io
