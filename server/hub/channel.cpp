#include "hub/channel.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace vserd::hub {
namespace {

Error removed(std::string_view port) {
    return {Failure::unavailable, 0, "removed",
            fmt::format("port \"{}\" was removed or replaced by a reload of the configuration", port)};
}

}  // namespace

Writer::Writer(Channel& channel, ClientRef client, access::Role role)
    : channel_(&channel),
      client_(std::move(client)),
      name_(shown_name(*client_)),
      identity_(lease_identity(client_->identity)),
      role_(role) {
    channel.writers_.push_back(*this);
}

Writer::~Writer() {
    leave();
    if (reader_ != nullptr) reader_->leave_writer();
}

/// Gives up what it holds.
void Writer::leave() {
    release_exclusive();
    take_back();
    end_session();
}

Channel::Channel(port::PortEnvironment environment, port::PortConfig config, ChannelLimits limits, EventHook hook,
                 restart::Keeper* keeper, restart::KeptPort kept)
    : limits_(limits),
      hook_(std::move(hook)),
      keeper_(keeper),
      kept_(std::move(kept)),
      log_(kept_.store ? std::move(kept_.store) : log::LogStore::in_memory(limits.history_bytes)),
      leases_(config.name, lease_hooks()),
      port_(environment, std::move(config), *this),
      lease_timer_(environment.loop, life_),
      clear_timer_(environment.loop, life_) {
    life_.bind(alive_);
}

Channel::~Channel() = default;

void Channel::start() {
    if (!offline_for_good_.empty()) return port_.stay_offline(offline_for_good_);
    const line::Settings& configured = port_.config().settings;
    port::PortResume resume = saved_.resume(configured, kept_.resumed);
    resume.device = std::move(kept_.device);
    if (feed_) resume.tx_offset = std::max(resume.tx_offset, feed_->sent_next());
    resuming_ = static_cast<bool>(resume.device);
    if (kept_.resumed) close_previous_session();
    saved_.begin(configured, resume.settings);
    port_.start(std::move(resume));
}

/// The clients of the previous process are gone, and perhaps its device too.
void Channel::close_previous_session() {
    left_online_ = saved_.is(restart::SavedPort::online);
    restore_lease();
}

void Channel::interrupt(const std::string& why) {
    if (port_.state() != port::PortState::online) return;
    const port::WentOffline event{why};
    log_.append_event(event);
    remember(event);
}

void Channel::stop(bool at_exit, std::function<void()> done) {
    // Do this now: a new port of the same name may store its device before this one has closed.
    stopped_with_device_kept_ = keeps_descriptor();
    stopped_ = true;
    for (Writer& writer : writers_) {
        writer.end_session();
        writer.channel_ = nullptr;
    }
    writers_.clear();
    yielder_ = nullptr;
    leases_.stop({Failure::unavailable, 0, "removed", fmt::format("port \"{}\" is closing", name())});
    arm_lease_timer();
    fail_pending_writes({Failure::unavailable, 0, "", fmt::format("port \"{}\" is closing", name())}, true);
    busy_readers_.splice(busy_readers_.end(), waiting_readers_);
    while (!busy_readers_.empty()) close_reader(busy_readers_.front(), removed(name()));
    port_.stop([this, at_exit, done = std::move(done)] {
        log_.save_heap_blocks();  // the readers have released theirs
        feed_ ? feed_->finish(at_exit, done) : done();
    });
}

void Channel::reconfigure(const port::PortConfig& config, std::function<void(const Error&)> refused) {
    record_tx(config.record_tx);
    port_.reconfigure(config, [this, refused = std::move(refused)](const Result<line::Settings>& result) {
        if (result) {
            saved_.save_configured(port_.config().settings);
        } else if (result.error().failure != Failure::unavailable) {
            refused(result.error());
        }
    });
}

void Channel::refuse_writes() {
    writes_refused_ = true;
    leases_.stop({Failure::unavailable, 0, "", "the server is shutting down"});
    fail_pending_writes({Failure::unavailable, 0, "", "the server is shutting down"}, true);
}

Result<std::unique_ptr<Reader>> Channel::attach(const StartPoint& start, Sink& sink, Writer* writer) {
    if (stopped_) return Error{Failure::unavailable, 0, "", fmt::format("port \"{}\" is closing", name())};
    if (readers_count_ >= limits_.readers_max) {
        return Error{Failure::exhausted, 0, "readers_max",
                     fmt::format("port \"{}\" has {} readers, which is the limit; close some", name(), readers_count_)};
    }
    const log::Moment now = log::Moment::now();
    log_.note_clock(now);
    log::Cursor cursor = log_.head();
    if (std::holds_alternative<StartOldest>(start)) {
        cursor = log_.at_offset(log_.oldest_offset());
    } else if (const auto* offset = std::get_if<StartOffset>(&start)) {
        if (offset->offset > log_.next_offset()) {
            return Error{Failure::out_of_range, 0, "from.offset",
                         fmt::format("offset {} of port \"{}\" has not been reached: its head is at {}", offset->offset,
                                     name(), log_.next_offset())};
        }
        cursor = log_.at_offset(offset->offset);
    } else if (const auto* tail = std::get_if<StartTail>(&start)) {
        const std::uint64_t held = log_.next_offset() - log_.oldest_offset();
        cursor = log_.at_offset(log_.next_offset() - std::min(tail->bytes, held));
    } else if (const auto* since = std::get_if<StartSince>(&start)) {
        cursor = log_.at_time(since->time);
    } else if (const auto* age = std::get_if<StartAge>(&start)) {
        cursor = log_.at_age(age->age, now);
    }
    if (const auto archived = archived_start(start, cursor)) {
        return std::make_unique<Reader>(*this, *archived, cursor, sink, writer);
    }
    return std::make_unique<Reader>(*this, cursor, sink, writer);
}

void Channel::submit(Writer& writer, PendingWrite& write) {
    write.writer = &writer;
    if (stopped_ || writes_refused_) {
        return write.done(Error{Failure::unavailable, 0, "", "the server is shutting down or the port is closing"});
    }
    if (const auto access = use(writer); !access) return refuse(write, access.error());
    if (!write.wait_while_offline && port_.state() == port::PortState::offline) {
        return write.done(
            Error{Failure::unavailable, 0, "",
                  fmt::format("the device of port \"{}\" is disconnected: {}", name(), port_.offline_reason())});
    }
    if (pending_writes_.empty()) transmit(write);
    if (write.taken == write.bytes.size()) return write.done({});
    if (const auto room = check_room(write); !room) return write.done(room.error());
    pending_writes_.push_back(write);
}

/// Whether another write may wait.
Result<void> Channel::check_room(const PendingWrite& write) const {
    std::size_t writes = 0;
    std::size_t bytes = 0;  // of the writes that count
    for (const PendingWrite& waiting : pending_writes_) {
        ++writes;
        if (!waiting.wait_while_offline) bytes += waiting.bytes.size();
    }
    if (writes >= limits_.pending_writes_max) {
        return Error{Failure::exhausted, 0, "pending_writes_max",
                     fmt::format("too many writers wait on port \"{}\"; try again later", name())};
    }
    if (!write.wait_while_offline && bytes > 0 && bytes + write.bytes.size() > waiting_write_bytes_max) {
        return Error{
            Failure::exhausted, 0, "waiting_write_bytes_max",
            fmt::format(
                "Write calls with {} bytes, which is the limit, wait for the queue of port \"{}\"; try again later",
                waiting_write_bytes_max, name())};
    }
    return {};
}

/// The error for a port that another client holds.
void Channel::refuse(PendingWrite& write, const Error& error) {
    port::add(port_.stats()->refused_bytes, write.bytes.size() - write.taken);
    write.writer->audit_refusal(error);
    write.done(error);
}

void Channel::transmit(PendingWrite& write) {
    const std::size_t taken = port_.transmit(write.bytes.subspan(write.taken));
    write.taken += taken;
    write.writer->count_written(port_.tx_offset(), taken);
}

void Channel::withdraw(PendingWrite& write) noexcept {
    if (write.is_linked()) write.unlink();
}

void Channel::pump_writes() {
    while (!pending_writes_.empty()) {
        PendingWrite& write = pending_writes_.front();
        transmit(write);
        if (write.taken < write.bytes.size()) return;
        write.unlink();
        write.done({});
    }
}

void Channel::fail_pending_writes(const Error& error, bool also_patient) {
    List<PendingWrite> kept;
    List<PendingWrite> failed;
    while (!pending_writes_.empty()) {
        PendingWrite& write = pending_writes_.front();
        write.unlink();
        (also_patient || !write.wait_while_offline ? failed : kept).push_back(write);
    }
    pending_writes_.splice(pending_writes_.end(), kept);
    while (!failed.empty()) {
        PendingWrite& write = failed.front();
        write.unlink();
        write.done(error);
    }
}

std::span<std::byte> Channel::receive_space() {
    const auto space = log_.space();
    note_cut();
    return space;
}

void Channel::note_cut() {
    if (std::exchange(cuts_reported_, log_.cuts()) == log_.cuts()) return;
    port::add(port_.stats()->logs_cut, 1);
    if (cut_hook_) cut_hook_();
}

void Channel::on_received(std::size_t size) {
    log_.commit(size);
    if (feed_) feed_->appended();
    wake_readers();
}

void Channel::on_event(const port::Event& event) {
    if (std::holds_alternative<port::CameOnline>(event) || std::holds_alternative<port::WentOffline>(event))
        note_opened();
    if (const auto* online = std::get_if<port::CameOnline>(&event)) {
        // A resumed log contains no Offline event for the restart, but watchers of ports must know that the port is online.
        if (online->taken_over && kept_.resumed) return announce({log_.next_offset(), log::Moment::now(), event, 0});
        if (left_online_)
            record_event(port::WentOffline{"vserd was not running; what the device sent meanwhile is lost"});
    }
    if (std::holds_alternative<port::CameOnline>(event)) note_configured();
    if (const auto* settings = std::get_if<port::SettingsChanged>(&event);
        settings != nullptr && !settings->changed_outside) {
        saved_.save_settings(settings->settings);
    }
    record_event(event);
}

/// A reload while the device was disconnected takes effect only now.
void Channel::note_configured() {
    const line::Settings& configured = port_.config().settings;
    if (!saved_.is_configured(configured)) saved_.begin(configured, std::nullopt);
}

void Channel::on_transmitted(std::uint64_t tx_offset) { saved_.save_transmitted(tx_offset); }

void Channel::on_status(const line::LineStatus& status) { saved_.save_status(status); }

void Channel::on_descriptor(int fd) {
    if (keeper_ == nullptr || port_.kind() == line::Kind::simulated) return;
    fd >= 0 ? keeper_->device_opened(name(), fd) : keeper_->device_lost(name());
}

bool Channel::keeps_descriptor() const {
    return stopped_ ? stopped_with_device_kept_ : keeper_ != nullptr && keeper_->keeps_device(name());
}

void Channel::on_transmit_change() {
    if (port_.state() == port::PortState::offline) {
        fail_pending_writes(
            {Failure::unavailable, 0, "",
             fmt::format("the device of port \"{}\" was disconnected: {}", name(), port_.offline_reason())},
            false);
    }
    pump_writes();
}

void Channel::record_event(const port::Event& event) {
    const bool online = std::holds_alternative<port::CameOnline>(event);
    if (online || std::holds_alternative<port::WentOffline>(event)) left_online_ = false;
    const log::Moment now = log::Moment::now();
    log_.append_event(event, now);
    const log::EventItem item{log_.next_offset(), now, event, log_.next_event()};
    if (feed_) feed_->appended();
    remember(event);
    announce(item);
    wake_readers();
}

/// Saves the state of the line for the next process.
void Channel::remember(const port::Event& event) {
    if (std::holds_alternative<port::CameOnline>(event)) saved_.set(restart::SavedPort::online, true);
    if (std::holds_alternative<port::WentOffline>(event)) saved_.set(restart::SavedPort::online, false);
    if (const auto* writer = std::get_if<port::WriterChanged>(&event))
        saved_.set(restart::SavedPort::exclusive, !writer->client.empty());
}

void Channel::on_terminal_closed(bool closed) { saved_.set(restart::SavedPort::terminal_closed, closed); }

void Channel::announce(const log::EventItem& item) {
    if (hook_) hook_(*this, item);
}

void Channel::wake_readers() {
    // A sink may read to the head again, detach, or destroy other readers, so take the list first, then one reader at a time.
    List<Reader> woken;
    woken.swap(waiting_readers_);
    while (!woken.empty()) {
        Reader& reader = woken.front();
        reader.unlink();
        busy_readers_.push_back(reader);
        reader.sink_.on_available();
    }
}

void Channel::count_reader(int change) noexcept {
    readers_count_ += static_cast<std::uint32_t>(change);
    port_.stats()->readers.store(readers_count_, std::memory_order_relaxed);
}

/// Fails the writes that wait for room and belong to `writer`.
void Channel::fail_pending_writes_of(const Writer& writer, const Error& error) {
    for (auto write = pending_writes_.begin(); write != pending_writes_.end();) {
        PendingWrite& one = *write++;
        if (one.writer != &writer) continue;
        one.unlink();
        refuse(one, error);
        write = pending_writes_.begin();  // done() may have removed others
    }
}

}  // namespace vserd::hub
