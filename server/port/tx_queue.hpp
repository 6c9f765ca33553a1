#pragma once

#include <chrono>
#include <cstddef>
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
    std::variant<line::SettingsChange, std::chrono::milliseconds> action;
    Deadline deadline;
    std::function<void(Result<line::Settings>)> reply;  ///< a break replies with the settings in force
};

/// Accepted bytes in order, with the commands at their places. Bounded by the port's limits.
class TxQueue {
public:
    explicit TxQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    /// What is in it already stays.
    void set_bytes_max(std::size_t bytes_max) noexcept { bytes_max_ = bytes_max; }

    /// Takes as many bytes as there is room for. `front_busy`: the front bytes are being written and stay in place.
    std::size_t append(std::span<const std::byte> bytes, bool front_busy);
    void push(std::unique_ptr<TxCommand> command);

    std::size_t bytes() const noexcept { return bytes_; }
    std::size_t commands() const noexcept { return commands_; }
    bool full() const noexcept { return bytes_ >= bytes_max_; }

    /// The bytes to write next; empty when a command is next, or nothing.
    std::span<const std::byte> front_bytes() const noexcept;
    TxCommand* front_command() const noexcept;
    void consume(std::size_t size);
    std::unique_ptr<TxCommand> pop_command();
    /// The first command that `wanted` likes, wherever it is; null: none.
    using Wanted = std::function<bool(const TxCommand&)>;
    const TxCommand* find_command(const Wanted& wanted) const;
    /// Takes it out. The bytes around it stay where they are.
    std::unique_ptr<TxCommand> take_command(const Wanted& wanted);

    /// Drops all bytes but the front ones when those are busy; returns how many. Commands stay in order.
    std::size_t discard_bytes(bool front_busy);
    /// Takes out the commands whose deadline has passed (all: every one).
    std::vector<std::unique_ptr<TxCommand>> take_expired(std::chrono::steady_clock::time_point now, bool all,
                                                         bool front_busy);

private:
    using Bytes = std::vector<std::byte>;
    using Entry = std::variant<Bytes, std::unique_ptr<TxCommand>>;

    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::size_t commands_ = 0;
    std::size_t front_consumed_ = 0;
    std::deque<Entry> entries_;
};

}  // namespace vserd::port
