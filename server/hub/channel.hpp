#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "access/audit.hpp"
#include "access/policy.hpp"
#include "archive/served.hpp"
#include "hub/archive_feed.hpp"
#include "hub/backlog.hpp"
#include "hub/client.hpp"
#include "hub/lease_queue.hpp"
#include "hub/session_book.hpp"
#include "hub/session_info.hpp"
#include "hub/sink.hpp"
#include "log/byte_log.hpp"
#include "port/life.hpp"
#include "port/port.hpp"
#include "restart/keeper.hpp"
#include "restart/saved_port.hpp"

namespace vserd::hub {

class Channel;
class Writer;

/// Where a reader starts (StartPoint in proto/vser/v1/types.proto).
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
    /// `writer`: the handle that it belongs to, perhaps null.
    Reader(Channel& channel, log::Cursor start, Sink& sink, Writer* writer);
    /// Begins in the archive, or at `in_memory` if that is earlier. Until is_placed() the offset is not known.
    Reader(Channel& channel, const Backlog::Start& start, log::Cursor in_memory, Sink& sink, Writer* writer);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// The next item, with at most `bytes_max` bytes of data. If it returns nothing, the sink gets on_available() later: the reader is
    /// at the head, or is_loading().
    std::optional<log::Item> next(std::size_t bytes_max, log::Times times = log::Times::mixed);
    /// Whether next() would return an item. If not, the sink gets on_available() later.
    bool has_more();
    std::uint64_t offset() const noexcept { return cursor_.offset; }
    /// Where its first byte can be, before next() was called: bytes before that are gone.
    std::uint64_t first_offset() const noexcept;
    /// What it needs for reading the archive; 0 if it begins in memory.
    std::size_t archive_bytes() const noexcept { return in_archive_ ? backlog_bytes_max : 0; }
    /// What comes next is being read from the archive.
    bool is_loading() const noexcept { return backlog_ && (backlog_->loading() || waits_for_feed_); }
    /// Whether offset() is where the reader begins; otherwise that is being looked up.
    bool is_placed() const noexcept { return placed_; }
    /// Null after the channel has closed.
    const Channel* channel() const noexcept { return channel_; }

private:
    friend class Channel;
    friend class Writer;
    void wait();
    void leave_writer() noexcept;
    bool is_behind() const;
    bool load();
    void wait_for_load();
    void loaded(const Result<void>& result);
    void place();
    std::optional<log::Item> next_in_memory(std::size_t bytes_max, log::Times times);
    void count(const log::Item& item);

    Channel* channel_;
    Writer* writer_;  ///< null: the handle is gone
    log::Cursor cursor_;
    Sink& sink_;
    std::unique_ptr<Backlog> backlog_;  ///< null: everything is in memory
    std::uint64_t growth_ = 0;          ///< of the archive when the backlog was loaded
    bool placed_ = true;
    bool begins_anywhere_ = false;  ///< at the first byte that is kept, rather than at an offset
    bool in_archive_ = false;       ///< began there, and has not reached the memory yet
    bool waits_for_feed_ = false;   ///< what comes next is on its way to the archive
    bool failed_ = false;           ///< the archive could not be read when it had growth_
    bool sink_waits_ = false;       ///< for the backlog
};

/// One client on one port: one for each PortHandle.
class Writer : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    Writer(Channel& channel, ClientRef client, access::Role role);
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// As LeaseQueue::acquire(), for this client. `request` must be done or withdrawn before this writer is destroyed.
    void acquire(LeaseRequest& request);
    /// As LeaseQueue::renew() and release().
    Result<Lease> renew(std::uint64_t lease, std::optional<std::chrono::milliseconds> ttl);
    Result<void> release(std::uint64_t lease);
    /// Acquires a lease that ends with this writer, or by release_exclusive(). Does not wait for other clients.
    void acquire_exclusive(bool takeover, std::string reason, port::Reply<void> reply);
    void release_exclusive();
    /// What follows is done with that lease; 0: none.
    void present(std::uint64_t lease) noexcept { lease_ = lease; }
    /// Gives the port's device to another program until this writer is destroyed or calls take_back(), as port::Port::yield().
    /// `reason` says for what. Failures: refused (another client holds the port, or another writer has yielded
    /// it; the subject is that client), unsupported (the port has no device), and those of port::Port::yield().
    void yield(const std::string& reason, const port::Reply<void>& reply);
    void take_back();
    const Client& client() const noexcept { return *client_; }
    const std::string& name() const noexcept { return name_; }  ///< as other clients see it
    access::Role role() const noexcept { return role_; }
    /// As PortHandle::when_ended().
    void when_ended(std::function<void(const Error& why)> ended) { ended_ = std::move(ended); }
    /// Its reader; null: none.
    const Reader* reader() const noexcept { return reader_; }
    /// From now on the client stays connected: it gets an id, and others see it.
    void begin_session(SessionMode mode);
    /// The session's number in the book; 0: none.
    std::uint64_t session() const noexcept { return session_; }
    /// Requires a session.
    SessionInfo session_info() const;
    /// Null: no audit trail.
    access::AuditTrail* trail() const noexcept;
    /// With everything that is known about the client and the port. Requires a channel.
    access::AuditRecord record(std::string_view event) const;
    /// Records that the client may not do something.
    void audit_refusal(const Error& error) const;
    /// Null after the channel has closed.
    Channel* channel() const noexcept { return channel_; }

private:
    friend class Channel;
    friend class Reader;
    void leave();
    void end_session();
    void audit_begin() const;
    void audit_end() const;
    void count_written(std::uint64_t tx_offset, std::size_t bytes) noexcept;

    Channel* channel_;  ///< null after the channel has closed, or the session was ended
    const ClientRef client_;
    const std::string name_;
    const std::string identity_;  ///< as leases know it
    access::Role role_;
    std::uint64_t lease_ = 0;  ///< presented with each request; 0: none
    std::optional<LeaseRequest> exclusive_request_;
    Reader* reader_ = nullptr;
    std::function<void(const Error& why)> ended_;
    SessionBook* book_ = nullptr;  ///< of the session
    std::uint64_t session_ = 0;
    SessionMode mode_ = SessionMode::read_only;
    log::WallTime since_;
    std::uint64_t read_bytes_ = 0;
    std::uint64_t written_bytes_ = 0;
    access::TxRange written_;  ///< from the first byte to the last; other clients' bytes may be between
};

/// With everything that is known about the client.
access::AuditRecord record_of(const Client& client, std::string_view event);

/// Bytes for a port's tx queue. The caller owns it, and keeps it in place until done() or withdraw().
struct PendingWrite : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    std::span<const std::byte> bytes;
    std::size_t taken = 0;            ///< the part of `bytes` that the queue has accepted
    bool wait_while_offline = false;  ///< false: fails with unavailable while the device is disconnected
    /// Called once on the io thread, perhaps inside submit(), when all bytes were accepted or with an error (see `taken`).
    std::function<void(Result<void>)> done;
    Writer* writer = nullptr;  ///< set by submit()
};

/// The maximum of bytes of single-call writes that wait for one port's queue. (A stream waits with one message and is not
/// counted.) One write may always wait.
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
    /// Called for every event after it was added to the log.
    using EventHook = std::function<void(Channel&, const log::EventItem&)>;
    /// Called from the loop when the content of the log was lost because its file was truncated.
    void on_log_cut(std::function<void()> hook) { cut_hook_ = std::move(hook); }

    /// `keeper` outlives the channel; null: the channel does not survive the process. `kept`: the log and device to resume.
    Channel(port::PortEnvironment environment, port::PortConfig config, ChannelLimits limits, EventHook hook,
            restart::Keeper* keeper = nullptr, restart::KeptPort kept = {});
    ~Channel() override;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void start();
    /// Call before start(): the device is a pseudo terminal that was closed (port::Port::terminal_closed()).
    void note_terminal_closed() { on_terminal_closed(true); }
    /// The log goes to the archive. `writer` outlives the channel.
    void archive_to(ArchiveWriter& writer, std::shared_ptr<archive::Recording> recording);
    /// Fails pending writes, closes the readers and the device, archives the rest, then calls `done`. `at_exit`: the process ends.
    void stop(bool at_exit, std::function<void()> done);
    /// What the archive has begins there; with each upkeep.
    void note_archive_begin(std::optional<std::uint64_t> offset) noexcept { archive_begin_ = offset; }
    /// Of the oldest byte, in the archive or in memory.
    std::uint64_t oldest_offset() const noexcept;
    bool is_archived() const noexcept { return static_cast<bool>(feed_); }
    /// Call before start(): instead of a device there is this archive, read-only. The others outlive the channel.
    void serve(archive::Served served, port::WorkerPool& workers, ArchiveErrors& errors);
    /// The same for one that cannot be served.
    void serve_nothing(const Error& why) { offline_for_good_ = why.message + "; after that restart this vserd"; }
    bool is_served() const noexcept { return served_.has_value(); }
    /// For those who attached before archive_to(): their bytes are recorded.
    void tell_recording();
    /// Failure::unsupported: there is no device, because an archive is served.
    Result<void> check_device() const;
    /// What is sent to the device is archived too.
    bool records_tx() const noexcept { return feed_ && feed_->records_sent(); }
    /// Whether the archive alone has the log when this is stopped.
    bool goes_on_in_archive(bool at_exit) const noexcept { return feed_ && (!at_exit || log_.store().is_private()); }
    /// Call before stop() if the log will continue in another channel. Adds an event to the log if the device is open.
    void interrupt(const std::string& why);
    /// Call after stop(): returns the log for the other channel.
    log::LogStoreRef store() noexcept { return log::LogStoreRef(&log_.store()); }
    /// Changes the port to `config`, which has the same name and device. `refused` is called if the line rejects the settings.
    void reconfigure(const port::PortConfig& config, std::function<void(const Error&)> refused);
    /// Rejects new writes from now on (server shutting down). Readers continue.
    void refuse_writes();

    const std::string& name() const noexcept { return port_.config().name; }
    port::Port& port() noexcept { return port_; }
    const port::Port& port() const noexcept { return port_; }
    const log::ByteLog& log() const noexcept { return log_; }
    std::uint32_t readers() const noexcept { return readers_count_; }
    /// Whether the log and the device of the previous process were resumed.
    bool is_resumed() const noexcept { return kept_.resumed; }
    const std::string& warning() const noexcept { return kept_.warning; }

    /// Failures: out_of_range (an offset not yet reached), exhausted (readers_max). `writer`: the handle that reads.
    Result<std::unique_ptr<Reader>> attach(const StartPoint& start, Sink& sink, Writer* writer = nullptr);
    /// Call before the first session: who gives the sessions their ids. Without, there are none. `book` outlives the writers.
    void set_book(SessionBook& book) noexcept { book_ = &book; }
    /// In the order in which the clients connected.
    void for_each_session(const std::function<void(const Writer&)>& visit) const;
    bool has_session(std::uint64_t session) const;
    /// Its stream or connection ends with `why`.
    void end_session(std::uint64_t session, const Error& why);
    /// Adds a notice to the log, for everybody attached. Returns the number of readers.
    std::uint32_t notify(const std::string& text, const std::string& from);
    /// Applies new rules to the clients that are connected. Ends those that lost the role they use.
    void apply(const access::Policy& policy);
    /// When the next credential of a connected client expires, later than `after`.
    std::optional<std::chrono::sys_seconds> next_expiry(std::chrono::sys_seconds after) const;

    /// Adds bytes to the tx queue in the order of submission, waiting for room. Failures in done(): refused (another client
    /// holds the port), lease_lost, unavailable, exhausted (pending_writes_max, waiting_write_bytes_max).
    void submit(Writer& writer, PendingWrite& write);
    /// Whether that writer may write and change the line (settings, modem lines, break, flush) now; null: a client that has no
    /// writer. Failures: refused, with the holder as subject, while another client holds the port; lease_lost.
    Result<void> check_access(const Writer* writer) const;
    /// As check_access(), for a client that is about to use the port.
    Result<void> use(const Writer& writer);
    const LeaseQueue& leases() const noexcept { return leases_; }
    /// The client that holds the port; empty: none.
    std::string holder() const { return leases_.held() != nullptr ? leases_.held()->holder.client : std::string{}; }
    /// Withdraws a write before done() (deadline, cancellation). `taken` counts the bytes that the queue has accepted.
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
    void on_sent(const Sent& sent) override;
    void on_transmitted(std::uint64_t tx_offset) override;
    void on_descriptor(int fd) override;
    bool keeps_descriptor() const override;
    void on_terminal_closed(bool closed) override;
    void on_status(const line::LineStatus& status) override;

    struct ServedArchive {
        archive::Served archive;
        port::WorkerPool& workers;
        ArchiveErrors& errors;
    };
    struct Disk {
        const std::string& path;
        port::WorkerPool& workers;
        ArchiveErrors& errors;
        std::uint64_t growth;
        bool is_writing;
    };

    std::optional<Disk> disk() const;
    void record_event(const port::Event& event);
    void record_tx(bool on);
    void note_configured();
    void remember(const port::Event& event);
    void announce(const log::EventItem& item);
    void note_cut();
    void close_previous_session();
    void wake_readers();
    void pump_writes();
    void transmit(PendingWrite& write);
    Result<void> check_room(const PendingWrite& write) const;
    void refuse(PendingWrite& write, const Error& error);
    void fail_pending_writes(const Error& error, bool also_patient);
    void count_reader(int change) noexcept;
    LeaseQueue::Hooks lease_hooks();
    void lease_granted(const Lease& lease, const std::string& taken_from);
    void lease_ended(const Lease& lease, LeaseEnd how);
    void audit_lease(std::string_view event, const Lease& lease, const std::string& detail) const;
    void restore_lease();
    void save_lease();
    void clear_output(bool discard, std::function<void()> done);
    void note_opened();
    void arm_lease_timer();
    void close_reader(Reader& reader, const Error& why);
    std::unique_ptr<Backlog> make_backlog(std::function<void(const Result<void>&)> ready);
    std::optional<Backlog::Start> archived_start(const StartPoint& start, const log::Cursor& in_memory) const;
    void end(Writer& writer, const Error& why);
    access::Role needed_role(const Writer& writer) const;
    void fail_pending_writes_without_right();
    void refuse_pending_writes_of_others();
    void fail_pending_writes_of(const Writer& writer, const Error& error);

    const ChannelLimits limits_;
    EventHook hook_;
    std::function<void()> cut_hook_;
    restart::Keeper* const keeper_;
    restart::KeptPort kept_;  ///< of which the store and the device are handed on
    log::ByteLog log_;
    restart::SavedPort saved_{log_.store()};
    std::optional<ServedArchive> served_;  ///< instead of a device
    std::string offline_for_good_;         ///< why there is no device; empty: there may be one
    std::shared_ptr<ArchiveFeed> feed_;    ///< null: the log is not archived
    std::optional<std::uint64_t> archive_begin_;
    LeaseQueue leases_;  ///< before port_, whose replies use it
    port::Port port_;
    std::shared_ptr<void> alive_ = std::make_shared<char>();  ///< for life_, which does not own this
    port::Life life_;
    port::Timer lease_timer_;
    std::optional<LeaseQueue::Clock::time_point> lease_deadline_;  ///< of the timer
    bool resuming_ = false;  ///< the device of the previous process is being opened; its driver may still have bytes
    std::function<void()> clear_when_open_;  ///< waits for that; null: nothing
    port::Timer clear_timer_;
    List<Reader> busy_readers_;     ///< have something to read, or have not called next()
    List<Reader> waiting_readers_;  ///< at the head; the next item wakes them
    std::uint32_t readers_count_ = 0;
    List<PendingWrite> pending_writes_;
    List<Writer> writers_;
    SessionBook* book_ = nullptr;
    Writer* yielder_ = nullptr;  ///< has given the device to another program
    bool left_online_ = false;   ///< the log was resumed, and the previous process had the device open
    bool writes_refused_ = false;
    bool stopped_ = false;
    bool stopped_with_device_kept_ = false;  ///< the service manager keeps its descriptor for the next process
    std::uint32_t cuts_reported_ = 0;
};

}  // namespace vserd::hub
