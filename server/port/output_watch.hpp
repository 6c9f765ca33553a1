#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "port/life.hpp"
#include "port/line_calls.hpp"
#include "port/port_status.hpp"
#include "port/tx_queue.hpp"

namespace vserd::port {

/// Finds out whether flow control holds the output: asks the device from time to time while bytes wait and flow control may
/// stop them. Io thread only.
class OutputWatch {
public:
    /// `changed`: the output is held, or no longer. All references outlive this.
    OutputWatch(io::Loop& loop, PortStatus& port, const TxQueue& queue, LineCalls& calls, const Life& life,
                std::function<void()> changed);

    void watch();  ///< bytes wait; no effect without flow control, or if it watches already
    void moved();  ///< the device took bytes
    void stop();   ///< the device is gone
    bool is_held() const noexcept { return state_ == State::held; }
    std::chrono::steady_clock::time_point held_since() const noexcept { return held_since_; }

private:
    enum class State : std::uint8_t { off, watching, held };
    struct Output {
        std::uint64_t pending_bytes;  ///< in the device
        bool cts;
    };

    void check_later();
    void check();
    void take(const Result<Output>& output);
    void set_state(State state);

    PortStatus& port_;
    const TxQueue& queue_;
    LineCalls& calls_;
    std::function<void()> changed_;
    Timer timer_;
    State state_ = State::off;
    std::chrono::steady_clock::time_point held_since_;
    std::chrono::steady_clock::time_point moved_at_;
    std::optional<std::uint64_t> sent_;  ///< bytes that had left the device at the last check
};

}  // namespace vserd::port
