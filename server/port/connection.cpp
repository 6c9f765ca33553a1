#include "port/connection.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "io/transfer.hpp"
#include "line/device_node.hpp"

namespace vserd::port {
namespace {

constexpr std::chrono::milliseconds stop_limit{2000};

}  // namespace

Connection::Connection(PortEnvironment environment, PortStatus& port, LineCalls& calls, Transmitter& transmitter,
                       LineWatch& watch, const Life& life, std::function<void()> outdated)
    : environment_(environment),
      port_(port),
      calls_(calls),
      transmitter_(transmitter),
      watch_(watch),
      life_(life),
      outdated_(std::move(outdated)),
      rest_(this, [](void* owner) noexcept { static_cast<Connection*>(owner)->start_read(); }),
      reopen_timer_(environment.loop, life),
      stop_timer_(environment.loop, life) {
    read_.kind = io::OperationKind::read;
    read_.owner = this;
    read_.complete = [](io::Operation& op, ssize_t result) noexcept {
        static_cast<Connection*>(op.owner)->on_read(result);
    };
    calls_.set_hooks(line_hooks());
    transmitter_.set_hooks({.written = [this] { written(); },
                            .failed = [this](const Error& error) { lose(error.message); },
                            .released = [this] { continue_close(); }});
}

LineCalls::Hooks Connection::line_hooks() {
    return {
        .calling = [this] { end_rest(); },
        .hung =
            [this](const std::string& what) {
                call_hangs(what);
                if (state_ == State::online) lose(fmt::format("{}; the port reopens when it does", what));
            },
        .closing =
            [this](int fd) {
                stuck_.clear();
                if (!port_.listener.keeps_descriptor()) line::release_lock(fd);
            },
        .closed = [this] { closed(); },
        .close_overdue =
            [this] {
                if (port_.stopping) return;
                const std::string reason = fmt::format(
                    "closing {} has not returned for 5 s: the driver waits for its output to be "
                    "sent, or hangs; the port reopens when the call returns",
                    port_.config.device);
                call_hangs(reason);
                report_stuck(reason);
            },
        .close_refused =
            [this](const Error& error) {
                if (!port_.stopping) note_open_failure(error);
                if (yield_) finish_yield(error);
                reopen_timer_.after(backoff_max, [this] { continue_close(); });
            },
    };
}

void Connection::start(PortResume resume) {
    resume_ = std::move(resume);
    if (resume_.terminal_closed) closed_terminal_ = line::Terminal{{}, std::nullopt};
    terminal_refused_ = resume_.terminal_closed;
    if (port_.config.device.starts_with('/'))
        node_watch_ = environment_.device_watch.watch(port_.config.device, [this] { node_changed(); });
    try_open();
}

std::string_view Connection::engine() const noexcept {
    return (attached_ ? *attached_->engine : environment_.loop.engine()).name();
}

void Connection::go_online(OpenedLine opened) {
    show_online(opened);
    Listener& listener = port_.listener;
    const auto in_force_before = std::exchange(resume_.in_force, std::nullopt);
    if (!opened.taken_over) listener.on_descriptor(opened.line->fd());
    listener.on_event(CameOnline{port_.config.device, attached_->refusals, opened.taken_over});
    if (opened.taken_over && in_force_before && *in_force_before != port_.settings)
        listener.on_event(SettingsChanged{port_.settings});
    watch_.publish_status();
    watch_.take_status(opened.status);  // reports changes while the device was closed
    start_read();
    watch_.watch_foreign_readers();
    if (opened.asked != port_.wanted) outdated_();
    transmitter_.resume();
    listener.on_transmit_change();
    if (state_ == State::online) watch_.poll_later();
}

void Connection::show_online(OpenedLine& opened) {
    state_ = State::online;
    port_.state = PortState::online;
    port_.show_settings(opened.settings);
    terminal_ = std::move(opened.terminal);
    closed_terminal_.reset();
    set_terminal_refused(false);
    port_.kind = opened.line->kind();
    port_.capabilities = opened.line->capabilities();
    const auto reported_before = std::exchange(resume_.status, std::nullopt);
    watch_.begin(opened.taken_over ? reported_before.value_or(opened.status) : opened.status);
    port_.offline_reason.clear();
    open_failure_.clear();
    port_.stats->up.store(true, std::memory_order_relaxed);
    if (online_since_) add(port_.stats->reopens, 1);
    online_since_ = std::chrono::steady_clock::now();
    port_.stats->engine.store(attached_->engine->name().data(), std::memory_order_relaxed);
    transmitter_.start(*attached_);
}

void Connection::lose(std::string reason) {
    read_rested();
    const bool was_up = port_.is_online();
    port_.state = PortState::offline;
    port_.offline_reason = std::move(reason);
    port_.signals.reset();
    port_.stats->up.store(false, std::memory_order_relaxed);
    // Keep the backoff if the device hangs up right after each open.
    if (was_up && std::chrono::steady_clock::now() - *online_since_ > backoff_max) backoff_ = backoff_min;
    if (!port_.stopping) {
        port_.listener.on_descriptor(-1);
        port_.listener.on_event(WentOffline{port_.offline_reason});
        port_.listener.on_transmit_change();
    }
    begin_close();
}

void Connection::begin_close() {
    state_ = State::closing;
    if (terminal_) {
        terminal_->node = line::node_identity(calls_.line().fd());  // again, because chmod changes it
        closed_terminal_ = std::exchange(terminal_, std::nullopt);
    }
    const Error disconnected{
        Failure::unavailable, 0, "",
        fmt::format("port \"{}\": the device disconnected: {}", port_.config.name, port_.offline_reason)};
    transmitter_.stop(disconnected);
    watch_.stop();
    calls_.abandon(disconnected);
    if (reading_) attached_->engine->cancel(read_);
    continue_close();
}

/// Continues when the engine no longer uses the descriptor.
void Connection::continue_close() {
    if (state_ != State::closing || reading_ || transmitter_.is_writing()) return;
    if (attached_) {
        attached_->engine->detach(attached_->slot);
        attached_.reset();
    }
    calls_.close();
}

void Connection::closed() {
    state_ = State::closed;
    stuck_.clear();
    if (port_.stopping) return finish_stop();
    yield_ ? finish_yield({}) : retry_later();
}

void Connection::stop(std::function<void()> done) {
    port_.stopping = true;
    stop_done_ = std::move(done);
    node_watch_ = {};
    reopen_timer_.cancel();
    yield_.reset();
    if (state_ == State::closed || state_ == State::yielded) return finish_stop();
    stop_timer_.after(stop_limit, [this] { finish_stop(); });
    if (state_ == State::closing) return continue_close();  // no worker may have been free before
    if (state_ == State::online) lose("the port was closed");
}

void Connection::finish_stop() {
    stop_timer_.cancel();
    if (auto done = std::exchange(stop_done_, nullptr)) done();
}

/// A closed device gets them when it is opened.
void Connection::options_changed() {
    if (state_ == State::closed && port_.config.reopen_pts) try_open();
    if (state_ != State::online) return;
    calls_.call<void>([options = port_.config.line](line::Line& line) { return line.set_options(options); },
                      [](const Result<void>&) {});
}

void Connection::start_read() {
    const auto space = port_.listener.receive_space();
    read_.slot = attached_->slot;
    read_.data = space.data();
    read_.size = std::min(space.size(), io::read_gather_bytes_max);
    reading_ = true;
    attached_->engine->start(read_);
}

void Connection::on_read(ssize_t result) {
    reading_ = false;
    if (result > 0) {
        const auto size = static_cast<std::size_t>(result);
        received(size);
        if (state_ == State::online) return read_again(size);
    }
    if (state_ != State::online) return continue_close();
    if (result == -EFAULT) {
        // The log's file was truncated, so its memory is gone. receive_space() provides new memory.
        add(port_.stats->read_errors, 1);
        return start_read();
    }
    if (result == 0) return watch_.check_empty_read([this](bool reads_on) { reads_on ? start_read() : hung_up(); });
    add(port_.stats->read_errors, 1);
    lose(errno_error(fmt::format("reading {}", port_.config.device), static_cast<int>(-result)).message);
}

void Connection::received(std::size_t size) {
    add(port_.stats->rx_bytes, size);
    environment_.loop.answer_arrived();
    port_.listener.on_received(size);
}

/// Or rests first (see io::ReadRest).
void Connection::read_again(std::size_t size_before) {
    const bool small = size_before < io::ReadRest::small_bytes;
    if (small && environment_.loop.count_small_read() && may_rest() && environment_.loop.rest(rest_)) return;
    start_read();
}

/// The ring of a vser port may be as small as 16 bytes. What arrives during a call on the line comes before its result.
bool Connection::may_rest() const {
    return io::ReadRest::is_slow(port_.settings.baud) && port_.kind != line::Kind::vser && !calls_.is_busy();
}

void Connection::end_rest() {
    if (rest_.end()) start_read();
}

/// What arrived during the rest comes before the port goes offline.
void Connection::read_rested() {
    if (!rest_.end()) return;
    const auto space = port_.listener.receive_space();
    const auto moved = io::read_gather(calls_.line().fd(), space.data(), space.size(), true);
    if (moved.result > 0) received(static_cast<std::size_t>(moved.result));
}

void Connection::written() {
    rest_.stay_awake();
    end_rest();
}

void Connection::hung_up() {
    const bool only_a_number = terminal_ && terminal_->link && terminal_->link->empty() && !port_.config.reopen_pts;
    if (!only_a_number) return lose("the device hung up (unplugged, or its other end was closed)");
    set_terminal_refused(true);  // another terminal may get the number from now on
    lose(line::terminal_error(port_.config.device).message);
}

}  // namespace vserd::port
