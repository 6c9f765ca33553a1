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

class Client;

/// `by_role`: reads and writes if the client's role on the port allows it, otherwise reads only.
enum class Mode : std::uint8_t { by_role = 0, read_only = 1, read_write = 2, exclusive = 3 };

/// The connection was lost; the console is reconnecting.
struct Disconnected {
    Error error;
};

/// The console has reconnected and resumes at `offset`. No byte is repeated, and bytes are missing only where a Gap or
/// LogRestarted reports them.
struct Reconnected {
    std::uint64_t offset = 0;
    std::uint32_t attempts = 0;
    std::chrono::milliseconds outage{0};
    /// Sent bytes that the server did not accept (a lower bound if other clients write too). They are not sent again,
    /// because the device may have received them. Unset if the number is unknown because the log is a new one.
    std::optional<std::uint64_t> tx_bytes_lost;
};

/// The server has a new log (Port::log_id changed): the server restarted without the old one, or a reload replaced the port.
/// Offsets start again. All of the new log follows, from `offset`; bytes of the old log after `expected_offset` are lost.
struct LogRestarted {
    std::uint64_t expected_offset = 0;
    std::uint64_t offset = 0;
};

using ConsoleItem = std::variant<Data, Gap, Event, Disconnected, Reconnected, LogRestarted>;

struct ConsoleOptions {
    StartPoint from = StartPoint::live();
    Mode mode = Mode::read_write;
    std::string client{};   ///< a name to show to other clients; 64 bytes at most
    std::uint64_t lease{};  ///< present this lease; 0: that of Client::with_lease(), if any
    bool reconnect = true;  ///< false: a lost connection ends the console
    std::chrono::milliseconds backoff_min{100};
    std::chrono::milliseconds backoff_max{2000};
    std::size_t rx_bytes_max = std::size_t{1} << 20;  ///< received and not yet returned; at this limit the server waits
    std::size_t tx_bytes_max = std::size_t{256} << 10;  ///< written and not yet sent; at this limit write() waits
    /// If set, the console's own thread calls it with each item, and next() returns none: the lowest latency. It may
    /// call try_write() but not write(), drain() or close(). `on_end` reports the end of the console.
    std::function<void(ConsoleItem&&)> on_item{};
    std::function<void(const std::optional<Error>&)> on_end{};
    /// Where the port is now, for a port that can move to another server: see Fleet::attach(). Called by the console's own thread
    /// before each attempt to reconnect. close() cancels the calls of this library that it waits for. With it, NOT_FOUND
    /// is an outage too.
    std::function<Result<Client>()> find{};
};

/// A bidirectional byte stream to one port that survives the loss of the connection. Every method may be called from any
/// thread. One message is in flight at a time; bytes written meanwhile are sent together in the next one. So a single
/// write is sent at once, and many small writes cost little.
class Console {
public:
    Console(Console&&) noexcept;
    Console& operator=(Console&&) noexcept;
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;
    /// Closes, and discards bytes that were written but not sent. Call drain() first to send them.
    ~Console();

    /// The port as it was when the console was opened.
    const Port& port() const noexcept;
    /// The server records what is sent to the device, passwords included, as it said when the console was opened, or opened again
    /// after a reconnect. A Notice tells when that changes.
    bool tx_recorded() const;
    /// The offset after the last byte that next() returned.
    std::uint64_t next_offset() const;

    /// Waits for the next item; nothing at the end.
    std::optional<ConsoleItem> next();
    /// The same, waiting at most `timeout`. After a timeout it returns nothing, and ended() is false.
    std::optional<ConsoleItem> next(std::chrono::milliseconds timeout);
    /// True if next() will return no more items.
    bool ended() const;
    /// Why the console ended; nothing after close().
    std::optional<Error> error() const;
    /// A descriptor for poll loops. It is readable when next() would not wait, and when there is room again after
    /// try_write() accepted only a part. The console owns it; do not read or write it.
    int ready_fd() const noexcept;
    /// Readable when there is room again after try_write() accepted only a part, and at the end: for loops that do not always
    /// want items.
    int room_fd() const noexcept;

    /// Sends bytes after everything written before; waits while tx_bytes_max bytes are queued. An error means that the
    /// console has ended.
    Result<> write(std::string_view bytes);
    /// The same without waiting; returns the number of bytes accepted, 0 if the console has ended.
    std::size_t try_write(std::string_view bytes);
    /// Bytes accepted by write() and try_write() that were not sent yet.
    std::size_t tx_bytes_waiting() const;
    /// Discards bytes that write() and try_write() accepted and the server has not received. If some of them may be in
    /// flight, the console reconnects; next() reports this with Reconnected (without Disconnected), whose tx_bytes_lost
    /// counts the bytes that were in flight. Returns the number of bytes that were not sent yet, and whether the console
    /// reconnects. For bytes in the server's queue, use flush().
    struct Discarded {
        std::size_t bytes = 0;
        bool reconnects = false;
    };
    Discarded discard_written();
    /// Takes effect after the bytes written before. RESOURCE_EXHAUSTED if too many such commands wait.
    Result<> send_break(std::chrono::milliseconds duration = std::chrono::milliseconds{250});
    Result<> set_signals(const SignalChange& change);
    /// The same for the speed and the format. An Event with SettingsChanged follows when they are in force. If the device
    /// does not support them, the console ends with the server's error.
    Result<> set_baud(std::uint32_t baud);
    Result<> set_format(const Format& format);
    /// Discards what the server holds for the device, or what was received and not delivered. With Mode::exclusive this is
    /// the only way, for Client::flush() is refused as any other client is. An Event with Flushed counts accepted bytes
    /// that were discarded.
    Result<> flush(FlushDirection direction);
    /// Acquires a lease of the port that ends with the connection: nobody else can write. `takeover` ends the present one, and
    /// needs the role admin. The answer is an Event with WriterChanged: `own`, or `refused_request` = "acquire".
    Result<> acquire(bool takeover, const std::string& reason = {});
    /// Ends the lease of acquire() or Mode::exclusive.
    Result<> release();
    /// Waits until the server has accepted all written bytes. Bytes of other writers count too, so it is exact only with
    /// Mode::exclusive or if no other client writes. DEADLINE_EXCEEDED after `timeout`.
    Result<> drain(std::chrono::milliseconds timeout);

    /// Ends the console: next() returns the items it still has, then nothing.
    void close();

private:
    friend class Client;
    class Impl;
    explicit Console(std::unique_ptr<Impl> impl);

    std::unique_ptr<Impl> impl_;
};

}  // namespace vser::client
