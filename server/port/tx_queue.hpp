#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "line/settings.hpp"
#include "port/deadline.hpp"

namespace vserd::port {

/// Something that takes effect between two bytes: a change of settings or a break.
struct TxCommand {
    enum class State : std::uint8_t {
        queued,
        asking,    ///< at the front: the device is asked how much it still has to send
        waiting,   ///< at the front, until `until` for that to leave
        running,   ///< taken out of the queue; a call on the line is under way
        breaking,  ///< the break lasts until `until`
        ended,     ///< answered
    };

    std::variant<line::SettingsChange, std::chrono::milliseconds> action;
    Deadline deadline;
    std::function<void(Result<line::Settings>)> reply;  ///< a break replies with the settings in force
    State state = State::queued;
    std::chrono::steady_clock::time_point until = {};
};
using TxCommandRef = std::shared_ptr<TxCommand>;  // with the call on the line that it waits for

/// Accepted bytes in order, with the commands at their places. Bounded by the port's limits.
class TxQueue {
public:
    explicit TxQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// What is in it already stays.
    void set_bytes_max(std::size_t bytes_max) noexcept { bytes_max_ = bytes_max; }

    /// Takes as many bytes as there is room for. `front_busy`: the front bytes are being written and stay in place.
    std::size_t append(std::span<const std::byte> bytes, bool front_busy);
    void push(TxCommandRef command);

    std::size_t bytes() const noexcept { return bytes_; }
    std::size_t commands() const noexcept { return commands_; }
    bool full() const noexcept { return bytes_ >= bytes_max_; }

    /// The bytes to write next; empty when a command is next, or nothing.
    std::span<const std::byte> front_bytes() const noexcept;
    TxCommandRef front_command() const noexcept;
    void consume(std::size_t size);
    TxCommandRef pop_command();
    /// The first command that `wanted` likes, wherever it is; null: none.
    using Wanted = std::function<bool(const TxCommand&)>;
    const TxCommand* find_command(const Wanted& wanted) const;
    /// Takes it out. The bytes around it stay where they are.
    TxCommandRef take_command(const Wanted& wanted);

    /// Drops all bytes but the front ones when those are busy; returns how many. Commands stay in order.
    std::size_t discard_bytes(bool front_busy);
    /// Takes out the commands whose deadline has passed.
    std::vector<TxCommandRef> take_expired(std::chrono::steady_clock::time_point now);
    std::vector<TxCommandRef> take_commands();
    /// Of all commands; time_point::max() without one.
    std::chrono::steady_clock::time_point earliest_deadline() const noexcept;

private:
    std::vector<TxCommandRef> take_commands(const Wanted& wanted);
    using Bytes = std::vector<std::byte>;
    using Entry = std::variant<Bytes, TxCommandRef>;

    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::size_t commands_ = 0;
    std::size_t front_consumed_ = 0;
    std::deque<Entry> entries_;
};

}  // namespace vserd::port
