#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "vser_client/result.hpp"
#include "vser_client/types.hpp"

namespace vser::client {

enum class Mode : std::uint8_t { read_only = 1, read_write = 2, exclusive = 3 };

/// The connection was lost; the console tries to get it back by itself.
struct Disconnected {
    Error error;
};

/// The console is back and goes on at `offset`: no byte is repeated, and none missing but those of a Gap or
/// LogRestarted.
struct Reconnected {
    std::uint64_t offset = 0;
    std::uint32_t attempts = 0;
    std::chrono::milliseconds outage{0};
    /// Sent bytes that the server never took (a lower bound when others write too). They are not sent again, because a
    /// device may have acted on them. Unset where it cannot be known: the log is another one.
    std::optional<std::uint64_t> tx_bytes_lost;
};

/// The server's log is not the one that was being read (Port::log_id tells): the server restarted without it, or a reload
/// replaced the port, and offsets began again. Everything the new log holds follows, from `offset`; what the old one had after `expected_offset` is lost.
struct LogRestarted {
    std::uint64_t expected_offset = 0;
    std::uint64_t offset = 0;
};

using ConsoleItem = std::variant<Data, Gap, Event, Disconnected, Reconnected, LogRestarted>;

struct ConsoleOptions {
    StartPoint from = StartPoint::live();
    Mode mode = Mode::read_write;
    std::string client{};   ///< who this is, for others to see; 64 bytes at most
    bool reconnect = true;  ///< false: a lost connection ends the console
    std::chrono::milliseconds backoff_min{100};
    std::chrono::milliseconds backoff_max{2000};
    std::size_t rx_bytes_max = std::size_t{1} << 20;    ///< received and not yet taken; beyond it the server waits
    std::size_t tx_bytes_max = std::size_t{256} << 10;  ///< written and not yet sent; beyond it write() waits
    /// When set, items are given to it on the console's own thread instead of to next(); the lowest latency. It may
    /// call try_write() and must not call write(), drain() or close(). The end of the console is told by `on_end`.
    std::function<void(ConsoleItem&&)> on_item{};
    std::function<void(const std::optional<Error>&)> on_end{};
};

/// A duplex byte stream to one port that survives the loss of the connection. Every method may be called from any
/// thread. Writes are gathered: one message is in flight at a time, and what is written meanwhile leaves as the next
/// one, so many small writes cost little and a single one leaves at once.
class Console {
public:
    Console(Console&&) noexcept;
    Console& operator=(Console&&) noexcept;
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;
    /// Closes; what was written and not sent is dropped. drain() first to keep it.
    ~Console();

    /// The port as it was when the console was opened.
    const Port& port() const noexcept;
    /// The offset after the last byte taken by next().
    std::uint64_t next_offset() const;

    /// Waits for the next item; nothing at the end.
    std::optional<ConsoleItem> next();
    /// The same, waiting at most `timeout`; nothing also when the time is over (then ended() is false).
    std::optional<ConsoleItem> next(std::chrono::milliseconds timeout);
    /// True when nothing more comes from next().
    bool ended() const;
    /// Why it ended; nothing after close().
    std::optional<Error> error() const;
    /// A descriptor that is readable when next() would not wait, and after try_write() took less than all, when
    /// there is room again. For poll loops; owned by the console; never read or write it.
    int ready_fd() const noexcept;

    /// Sends bytes in order with everything before; waits while tx_bytes_max are waiting. An error means the console
    /// ended.
    Result<> write(std::string_view bytes);
    /// The same without waiting; returns how many bytes were taken. 0 also when the console ended.
    std::size_t try_write(std::string_view bytes);
    /// Bytes taken by write() and try_write() that have not left yet.
    std::size_t tx_bytes_waiting() const;
    /// Drops what write() and try_write() took and the server has not: opens the connection again where some of it may be
    /// on its way, which next() reports with Reconnected (and no Disconnected); its tx_bytes_lost are the bytes that were
    /// stopped on their way. Returns the bytes that had not left yet, and whether the connection is opened again. What the
    /// server's queue has taken is for Client::flush().
    struct Discarded {
        std::size_t bytes = 0;
        bool reconnects = false;
    };
    Discarded discard_written();
    /// In order with the bytes written before. RESOURCE_EXHAUSTED when too many such commands wait.
    Result<> send_break(std::chrono::milliseconds duration = std::chrono::milliseconds{250});
    Result<> set_signals(const SignalChange& change);
    /// Waits until the server has taken all bytes written (those of other writers count too, so it is exact in
    /// Mode::exclusive or when nobody else writes). DEADLINE_EXCEEDED when `timeout` is over.
    Result<> drain(std::chrono::milliseconds timeout);

    /// Ends the console: next() gives what it still has, then nothing.
    void close();

private:
    friend class Client;
    class Impl;
    explicit Console(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

}  // namespace vser::client
