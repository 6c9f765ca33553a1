#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "hub/sink.hpp"
#include "log/byte_log.hpp"
#include "port/port.hpp"
#include "restart/keeper.hpp"

namespace vserd::hub {

class Channel;

/// Where a reader starts (api.md: StartPoint).
struct StartLive {};
struct StartOldest {};
struct StartOffset {
    std::uint64_t offset;
};
struct StartTail {
    std::uint64_t bytes;
};
struct StartSince {
    log::WallTime time;
};
struct StartAge {
    std::chrono::nanoseconds age;  ///< not negative
};
using StartPoint = std::variant<StartLive, StartOldest, StartOffset, StartTail, StartSince, StartAge>;

/// One subscription: a cursor in one log. Destroying it detaches. Io thread only.
class Reader : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    Reader(Channel& channel, log::Cursor start, Sink& sink);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// The next item, data of at most `bytes_max` bytes; nothing: the sink will be told when there is more.
    std::optional<log::Item> next(std::size_t bytes_max);
    /// Whether next() would return something; where not, the sink will be told when there is.
    bool has_more();
    std::uint64_t offset() const noexcept { return cursor_.offset; }
    /// After the channel closed, null.
    const Channel* channel() const noexcept { return channel_; }

private:
    friend class Channel;
    void wait();

    Channel* channel_;
    log::Cursor cursor_;
    Sink& sink_;
};

/// One party that writes: one for each PortHandle. Holds exclusive access once it acquired it; destroying the writer
/// releases it.
class Writer : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    Writer(Channel& channel, std::string client);
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Nobody else writes or changes the line while this lives. What others have submitted and the queue has not taken yet
    /// is refused. Failure::refused with the holder as subject.
    Result<void> acquire_exclusive();
    const std::string& client() const noexcept { return client_; }
    /// After the channel closed, null.
    Channel* channel() const noexcept { return channel_; }

private:
    friend class Channel;
    Channel* channel_;  ///< null after the channel closed
    std::string client_;
};

/// Bytes on their way into a port's tx queue, owned by the caller, in place until done() or withdraw().
struct PendingWrite : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    std::span<const std::byte> bytes;
    std::size_t taken = 0;            ///< of `bytes`, by the queue
    bool wait_while_offline = false;  ///< false: fails with unavailable while the device is away
    /// Called once on the io thread, perhaps inside submit(): all was taken, or what went wrong (see `taken`).
    std::function<void(Result<void>)> done;
    const Writer* writer = nullptr;  ///< set by submit()
};

/// Bytes of writes that wait for one port's queue and fail while the device is disconnected (those of single calls; a stream
/// waits with its one message). One write may always wait.
inline constexpr std::size_t waiting_write_bytes_max = std::size_t{4} << 20;

struct ChannelLimits {
    std::size_t history_bytes = std::size_t{1} << 20;
    std::uint32_t readers_max = 1024;
    std::uint32_t pending_writes_max = 1024;

    friend bool operator==(const ChannelLimits&, const ChannelLimits&) = default;
};

/// One port with its log, readers and writers. Io thread only.
class Channel : private port::Listener {
public:
    /// Told of every event, after the log has it.
    using EventHook = std::function<void(Channel&, const log::EventItem&)>;
    /// Told, later, that what the log held is lost: its file was cut short.
    void on_log_cut(std::function<void()> hook) { cut_hook_ = std::move(hook); }

    /// `keeper` outlives the channel; null: nothing of it is kept over the end of the process. `kept`: what the port begins
    /// with.
    Channel(port::PortEnvironment environment, port::PortConfig config, ChannelLimits limits, EventHook hook,
            restart::Keeper* keeper = nullptr, restart::KeptPort kept = {});
    ~Channel() override;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void start();
    /// Before start(): the device is a pseudo terminal that was closed (port::Port::terminal_closed()).
    void note_terminal_closed() { on_terminal_closed(true); }
    /// Fails pending writes, tells readers, closes the device, then calls `done`.
    void stop(std::function<void()> done);
    /// The log will go on in another channel, and says so where the device was open: before stop().
    void interrupt(const std::string& why);
    /// After stop(): for that channel.
    log::LogStoreRef store() noexcept { return log::LogStoreRef(&log_.store()); }
    /// Goes on as `config` says, which has the same name and device. `refused`: the line does not take its settings.
    void reconfigure(const port::PortConfig& config, std::function<void(const Error&)> refused);
    /// Refuses new writes from now on (server going down); readers go on.
    void refuse_writes();

    const std::string& name() const noexcept { return port_.config().name; }
    port::Port& port() noexcept { return port_; }
    const port::Port& port() const noexcept { return port_; }
    const log::ByteLog& log() const noexcept { return log_; }
    std::uint32_t readers() const noexcept { return readers_count_; }
    /// What became of what a process before this one left.
    bool goes_on() const noexcept { return kept_.goes_on; }
    const std::string& complaint() const noexcept { return kept_.complaint; }

    /// Failures: out_of_range (an offset not yet reached), exhausted (readers_max).
    Result<std::unique_ptr<Reader>> attach(const StartPoint& start, Sink& sink);

    /// Hands bytes to the tx queue in the order of submission; waits for room. Failures in done(): refused (held
    /// exclusively by another), unavailable, exhausted (pending_writes_max, waiting_write_bytes_max).
    void submit(const Writer& writer, PendingWrite& write);
    /// Whether that writer may write and change the line (settings, modem lines, break, flush) now; null: somebody who is
    /// no writer. Failure::refused with the holder as subject while another holds the port exclusively.
    Result<void> check_access(const Writer* writer) const;
    /// Who holds the port exclusively; empty: nobody.
    std::string holder() const { return exclusive_ != nullptr ? exclusive_->client_ : std::string{}; }
    /// Takes a write back before it is done (deadline, cancellation); `taken` says what went.
    static void withdraw(PendingWrite& write) noexcept;

private:
    friend class Reader;
    friend class Writer;
    template <class T>
    using List = boost::intrusive::list<T, boost::intrusive::constant_time_size<false>>;

    std::span<std::byte> receive_space() override;
    void on_received(std::size_t size) override;
    void on_event(const port::Event& event) override;
    void on_transmit_change() override;
    void on_transmitted(std::uint64_t tx_offset) override;
    void on_descriptor(int fd) override;
    bool keeps_descriptor() const override;
    void on_terminal_closed(bool closed) override;
    void on_status(const line::LineStatus& status) override;

    void record_event(const port::Event& event);
    void note_configured();
    void remember(const port::Event& event);
    void set_standing(std::uint64_t bit, bool on);
    void announce(const log::EventItem& item);
    void note_cut();
    void end_what_was_left();
    void wake_readers();
    void pump_writes();
    Result<void> check_room(const PendingWrite& write) const;
    void refuse(PendingWrite& write, const Error& error);
    void fail_pending_writes(const Error& error, bool also_patient);
    void count_reader(int change) noexcept;
    void set_exclusive(Writer* writer);
    void refuse_pending_writes_of_others();

    const ChannelLimits limits_;
    EventHook hook_;
    std::function<void()> cut_hook_;
    restart::Keeper* const keeper_;
    restart::KeptPort kept_;  ///< of which the store and the device are handed on
    log::ByteLog log_;
    port::Port port_;
    List<Reader> busy_readers_;     ///< with something to read, or not asking
    List<Reader> waiting_readers_;  ///< at the head: woken by the next item
    std::uint32_t readers_count_ = 0;
    List<PendingWrite> pending_writes_;
    List<Writer> writers_;
    Writer* exclusive_ = nullptr;
    bool left_online_ = false;  ///< the log was taken over from a process that had the device open
    bool writes_refused_ = false;
    bool stopped_ = false;
    bool stopped_with_device_kept_ = false;  ///< the service manager has its descriptor for the next process
    std::uint32_t cuts_told_ = 0;
};

}  // namespace vserd::hub
