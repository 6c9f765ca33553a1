#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "port/commands.hpp"
#include "port/life.hpp"
#include "port/line_calls.hpp"
#include "port/output_watch.hpp"
#include "port/port_status.hpp"
#include "port/tx_queue.hpp"

namespace vserd::port {

/// Sends the accepted bytes and the commands between them, in order, and flushes. Accepted bytes are kept while the device is
/// disconnected. Io thread only.
class Transmitter {
public:
    struct Hooks {
        std::function<void()> written;             ///< the device accepted bytes
        std::function<void(const Error&)> failed;  ///< a write failed
        std::function<void()> released;            ///< after stop(): the engine has completed the write
    };

    /// All references outlive this.
    Transmitter(io::Loop& loop, PortStatus& port, LineCalls& calls, const Life& life);
    void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

    std::uint64_t tx_offset() const noexcept { return tx_offset_; }
    void resume_at(std::uint64_t tx_offset) noexcept { tx_offset_ = tx_offset; }
    const TxQueue& queue() const noexcept { return queue_; }
    void set_queue_bytes_max(std::size_t bytes_max);
    bool is_held() const noexcept { return output_.is_held(); }

    /// The device is open; resume() starts sending. The attachment is valid until stop() returns.
    void start(const io::Attachment& attachment) noexcept { attachment_ = &attachment; }
    void resume();
    /// The device is disconnected: answers commands and flushes with this error, and cancels the write, which may complete
    /// later (see Hooks::released).
    void stop(const Error& disconnected);
    /// Whether a write is in progress.
    bool is_writing() const noexcept { return state_ != State::idle; }

    std::size_t transmit(std::span<const std::byte> bytes);
    void submit(TxCommand command) { commands_.submit(std::move(command)); }
    void flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client);
    /// As Port::discard_output().
    void discard(const Error& why, std::string client, Reply<std::uint64_t> reply);
    /// The device has these settings now. `changed_outside`: another program changed them; then an event is reported even if
    /// only modes changed that line::Settings does not have.
    void take_settings(const line::Settings& in_force, bool changed_outside);
    void retry() noexcept;  ///< see io::Engine::retry()

private:
    enum class State : std::uint8_t {
        idle,
        writing,
        discarding,  // a flush canceled the write and discards the rest
    };
    struct Flush {
        enum class State : std::uint8_t { waiting, running, ended };  // waiting: the canceled write has not completed

        line::FlushDirection direction;
        Reply<std::uint64_t> reply;
        std::string client;
        State state = State::waiting;
        std::uint64_t discarded = 0;
    };
    using FlushRef = std::shared_ptr<Flush>;  // shared with its call on the line

    void pump();
    void on_written(ssize_t result);
    void announce_room();
    void discard_rest(bool unfinished);
    std::uint64_t discard_offline();
    void begin(const FlushRef& flush);
    void end(const FlushRef& flush, const Result<void>& result);
    void store_queue_bytes();

    io::Loop& loop_;
    PortStatus& port_;
    LineCalls& calls_;
    Hooks hooks_;
    TxQueue queue_;
    OutputWatch output_;
    Commands commands_;
    const io::Attachment* attachment_ = nullptr;  ///< null: the device is closed
    io::Operation write_;
    std::uint64_t write_offset_ = 0;  ///< of its first byte
    std::chrono::system_clock::time_point write_begun_;
    State state_ = State::idle;
    std::vector<FlushRef> flushes_;  ///< of the output; nothing is written until they end
    std::uint64_t tx_offset_ = 0;    ///< bytes accepted
    bool was_full_ = false;
};

}  // namespace vserd::port
