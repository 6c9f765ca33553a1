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

/// Detects that flow control holds the output. Queries the device periodically while bytes wait and flow control is on. Io
/// thread only.
class OutputWatch {
public:
    /// Calls `changed` when flow control stops or releases the output. All references outlive this.
    OutputWatch(io::Loop& loop, PortStatus& port, const TxQueue& queue, LineCalls& calls, const Life& life,
                std::function<void()> changed);

    void watch();  ///< bytes are waiting; no effect without flow control or if already watching
    void moved();  ///< the device accepted bytes
    void stop();   ///< the device is disconnected
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
    std::optional<std::uint64_t> sent_;  ///< bytes that the device had sent at the last check
};

}  // namespace vserd::port
