#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "port/life.hpp"
#include "port/line_calls.hpp"
#include "port/output_watch.hpp"
#include "port/port_status.hpp"
#include "port/tx_queue.hpp"

namespace vserd::port {

/// Settings changes, breaks and OutputSent, in order with the bytes. Each waits at its place in the tx queue until the device has sent
/// the bytes before it. One timer serves all commands. Io thread only.
class Commands {
public:
    struct Hooks {
        std::function<void()> proceed;                                     ///< send the next bytes or command
        std::function<void(const line::Settings& in_force)> settings_set;  ///< a command changed the settings
    };

    /// All references outlive this.
    Commands(io::Loop& loop, PortStatus& port, TxQueue& queue, LineCalls& calls, OutputWatch& output, const Life& life,
             Hooks hooks);

    /// Replies at once if the command cannot be queued.
    void submit(TxCommand command);
    /// A command is at the front of the queue.
    void begin_front();
    /// A command has left the queue and is in progress. Nothing is written meanwhile.
    bool is_running() const noexcept { return running_ != nullptr; }
    /// Flow control has stopped or released the output. A command may overtake bytes that are held.
    void output_changed();
    /// Answers the commands in the queue with this error, and ends a break that has begun.
    void cancel(const Error& why);
    /// The device is disconnected: answers every command with this error.
    void stop(const Error& disconnected);

private:
    Result<void> check(const TxCommand& command) const;
    void arm();
    void step();
    std::string late_message() const;
    void take_pending(const TxCommandRef& command, const Result<std::uint64_t>& pending);
    void run(TxCommandRef command, bool at_once);
    void apply(const line::SettingsChange& change, bool at_once);
    void start_break();
    void end_break();
    void overtake_held_output();
    void finish(const TxCommandRef& command, Result<line::Settings> result);

    PortStatus& port_;
    TxQueue& queue_;
    LineCalls& calls_;
    OutputWatch& output_;
    const Life& life_;
    Hooks hooks_;
    Timer timer_;
    TxCommandRef running_;
    std::uint64_t device_pending_ = 0;  ///< bytes in the device at the last query
};

}  // namespace vserd::port
