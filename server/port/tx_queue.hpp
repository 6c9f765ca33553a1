#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "base/lazy_deque.hpp"
#include "base/result.hpp"
#include "line/settings.hpp"
#include "port/deadline.hpp"

namespace vserd::port {

/// Waits until the device has sent the bytes before it.
struct OutputSent {};

/// A settings change, a break or OutputSent, which takes effect between two bytes.
struct TxCommand {
    enum class State : std::uint8_t {
        queued,
        asking,    ///< at the front: a call asks the device how many bytes it still has to send
        waiting,   ///< at the front: waits until `until` for the device to send them
        running,   ///< out of the queue: a call on the line is in progress
        breaking,  ///< the break lasts until `until`
        ended,     ///< answered
    };

    std::variant<line::SettingsChange, std::chrono::milliseconds, OutputSent> action;
    Deadline deadline;
    std::function<void(Result<line::Settings>)> reply;  ///< others reply with the settings in force
    State state = State::queued;
    std::chrono::steady_clock::time_point until = {};
};
using TxCommandRef = std::shared_ptr<TxCommand>;  // shared with its call on the line

/// Accepted bytes in order, with the commands between them. Bounded by the port's limits.
class TxQueue {
public:
    explicit TxQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// Keeps the bytes that are already queued.
    void set_bytes_max(std::size_t bytes_max) noexcept { bytes_max_ = bytes_max; }

    /// Appends as many bytes as there is room for and returns how many. `front_busy`: the front bytes are being written and
    /// must not move.
    std::size_t append(std::span<const std::byte> bytes, bool front_busy);
    void push(TxCommandRef command);

    std::size_t bytes() const noexcept { return bytes_; }
    std::size_t commands() const noexcept { return commands_; }
    bool full() const noexcept { return bytes_ >= bytes_max_; }

    /// The bytes to write next; empty if a command is next or the queue is empty.
    std::span<const std::byte> front_bytes() const noexcept;
    TxCommandRef front_command() const noexcept;
    void consume(std::size_t size);
    TxCommandRef pop_command();
    /// Returns the first command for which `wanted` returns true, or null.
    using Wanted = std::function<bool(const TxCommand&)>;
    const TxCommand* find_command(const Wanted& wanted) const;
    /// Removes and returns that command. The bytes around it keep their order.
    TxCommandRef take_command(const Wanted& wanted);

    /// Discards all bytes, except the front ones if they are busy, and returns how many. Commands keep their order.
    std::size_t discard_bytes(bool front_busy);
    /// Removes and returns the commands whose deadline has passed.
    std::vector<TxCommandRef> take_expired(std::chrono::steady_clock::time_point now);
    std::vector<TxCommandRef> take_commands();
    /// Of all commands; time_point::max() if there are none.
    std::chrono::steady_clock::time_point earliest_deadline() const noexcept;

private:
    std::vector<TxCommandRef> take_commands(const Wanted& wanted);
    using Bytes = std::vector<std::byte>;
    using Entry = std::variant<Bytes, TxCommandRef>;

    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::size_t commands_ = 0;
    std::size_t front_consumed_ = 0;
    base::LazyDeque<Entry, 8> entries_;
};

}  // namespace vserd::port
