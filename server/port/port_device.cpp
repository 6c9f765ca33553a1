#include <algorithm>
#include <utility>

#include "line/device_node.hpp"
#include "port/device.hpp"
#include "port/port_impl.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds stop_limit{2000};

io::Operation make_operation(io::OperationKind kind, void* owner, io::Operation::Completion complete) {
    io::Operation operation;
    operation.kind = kind;
    operation.owner = owner;
    operation.complete = complete;
    return operation;
}

}  // namespace

Port::Impl::Impl(PortEnvironment environment, PortConfig port_config, Listener& listener)
    : config(std::move(port_config)),
      stats(std::make_shared<PortStats>(config.name)),
      offline_reason("not opened yet"),
      settings(config.settings),
      kind(kind_of(config.device)),
      queue(config.tx_queue_bytes_max),
      environment_(environment),
      listener_(listener),
      backoff_(backoff_min),
      wanted_(config.settings),
      rx_(make_operation(
          io::OperationKind::read, this,
          [](io::Operation& op, ssize_t result) noexcept { static_cast<Impl*>(op.owner)->on_read(result); })),
      tx_(make_operation(
          io::OperationKind::write, this,
          [](io::Operation& op, ssize_t result) noexcept { static_cast<Impl*>(op.owner)->on_written(result); })),
      reopen_timer_(environment.loop.context()),
      status_timer_(environment.loop.context()),
      command_timer_(environment.loop.context()),
      wire_timer_(environment.loop.context()),
      output_timer_(environment.loop.context()),
      stop_timer_(environment.loop.context()) {
    stats->baud.store(settings.baud, std::memory_order_relaxed);
}

void Port::Impl::after(Timer& timer, std::chrono::steady_clock::duration delay, void (Impl::*call)()) {
    timer.expires_after(delay);
    timer.async_wait([weak = weak_from_this(), call](const boost::system::error_code& error) {
        if (error) return;
        if (const auto self = weak.lock()) (*self.*call)();
    });
}

std::function<void()> Port::Impl::when_alive(void (Impl::*call)()) {
    return [weak = weak_from_this(), call] {
        if (const auto self = weak.lock()) (*self.*call)();
    };
}

void Port::Impl::start(PortResume resume) {
    held_ = std::move(resume.device);
    if (resume.terminal_closed) closed_terminal_ = line::Terminal{{}, std::nullopt};
    terminal_refused_ = resume.terminal_closed;
    resumed_in_force_ = resume.in_force;
    resumed_status_ = resume.status;
    tx_offset = resume.tx_offset;
    if (resume.settings) {
        settings = wanted_ = *resume.settings;
        stats->baud.store(settings.baud, std::memory_order_relaxed);
    }
    if (config.device.starts_with('/')) {
        watch_ = environment_.device_watch.watch(config.device, [this] { node_changed(); });
    }
    try_open();
}

std::string_view Port::Impl::engine() const noexcept {
    return (attached_ ? *attached_->engine : environment_.loop.engine()).name();
}

void Port::Impl::go_online(OpenedLine opened) {
    phase_ = Phase::online;
    state = PortState::online;
    line_ = std::move(opened.line);
    settings = opened.settings;
    terminal_ = std::move(opened.terminal);
    closed_terminal_.reset();
    terminal_refused_ = false;
    listener_.on_terminal_closed(false);
    kind = line_->kind();
    capabilities = line_->capabilities();
    signals.reset();
    if (capabilities->modem_signals) signals = opened.status.signals;
    errors_seen_ = opened.status.errors;
    if (const auto before = std::exchange(resumed_status_, std::nullopt); opened.taken_over && before) {
        if (signals) signals = before->signals;
        errors_seen_ = before->errors;
    }
    offline_reason.clear();
    open_failure_.clear();
    stats->up.store(true, std::memory_order_relaxed);
    stats->baud.store(settings.baud, std::memory_order_relaxed);
    if (was_online_) add(stats->reopens, 1);
    was_online_ = true;
    online_since_ = std::chrono::steady_clock::now();
    stats->engine.store(attached_->engine->name().data(), std::memory_order_relaxed);
    if (!opened.taken_over) listener_.on_descriptor(line_->fd());
    listener_.on_event(CameOnline{config.device, attached_->refusals, opened.taken_over});
    if (const auto before = std::exchange(resumed_in_force_, std::nullopt);
        opened.taken_over && before && *before != settings) {
        listener_.on_event(SettingsChanged{settings});
    }
    told_status();
    take_status(opened.status);  // what happened while nobody had it
    start_read();
    watch_foreign_readers();
    watch_output();                                   // a process before this one may have left some
    if (opened.asked != wanted_) apply_configured();  // it was reconfigured meanwhile
    pump();
    announce_room();
    listener_.on_transmit_change();
    schedule_status();
}

void Port::Impl::go_offline(std::string reason) {
    const bool was_up = state == PortState::online;
    state = PortState::offline;
    offline_reason = std::move(reason);
    signals.reset();
    stats->up.store(false, std::memory_order_relaxed);
    // A device that hangs up right after each open is not worth opening fifty times a second.
    if (was_up && std::chrono::steady_clock::now() - online_since_ > backoff_max) backoff_ = backoff_min;
    if (stopping_) return;
    listener_.on_descriptor(-1);
    listener_.on_event(WentOffline{offline_reason});
    listener_.on_transmit_change();
}

void Port::Impl::begin_close() {
    phase_ = Phase::closing;
    if (terminal_) {
        terminal_->node = line::node_identity(line_->fd());  // as it is last: a change of its rights changes it, too
        closed_terminal_ = std::exchange(terminal_, std::nullopt);
    }
    status_timer_.cancel();
    wire_timer_.cancel();
    command_timer_.cancel();
    output_timer_.cancel();
    output_watched_ = false;
    set_held(false);
    foreign_readers_watch_ = {};
    foreign_readers.clear();
    stats->foreign_readers.store(0, std::memory_order_relaxed);
    const Error away{Failure::unavailable, 0, "",
                     "the device of port \"" + config.name + "\" went away: " + offline_reason};
    abandon_calls(away);
    wire_asked_ = false;
    if (const auto command = std::move(command_)) command->reply(away);
    for (auto& command : queue.take_expired({}, true, false)) command->reply(away);
    if (rx_active_) attached_->engine->cancel(rx_);
    if (tx_active_) attached_->engine->cancel(tx_);
    continue_close();
}

void Port::Impl::continue_close() {
    if (phase_ != Phase::closing || rx_active_ || tx_active_) return;
    if (attached_) {
        attached_->engine->detach(attached_->slot);
        attached_.reset();
    }
    if (call_running_ || close_running_) return;
    close_running_ = true;
    if (!listener_.keeps_descriptor()) line::release_lock(line_->fd());
    const auto line = std::make_shared<Line>(std::exchange(line_, nullptr));
    // Closing a tty waits for its output: not on this thread.
    environment_.workers.run({
        .work = [line] { line->reset(); },
        .done = when_alive(&Impl::closed),
        .overdue = when_alive(&Impl::close_overdue),
        .refused =
            [weak = weak_from_this(), line](const Error& error) {
                if (const auto self = weak.lock()) self->close_refused(std::move(*line), error);
            },
        .limit = driver_limit,
    });
}

void Port::Impl::close_overdue() {
    if (stopping_) return;
    offline_reason =
        "closing " + config.device +
        " has not returned for 5 s: its driver waits for output to leave, or hangs; the port comes back when it "
        "returns";
    open_failure_ = offline_reason;
    listener_.on_event(WentOffline{offline_reason});
}

void Port::Impl::close_refused(Line line, const Error& error) {
    close_running_ = false;
    line_ = std::move(line);
    if (!stopping_) note_open_failure(error);
    after(reopen_timer_, backoff_max, &Impl::continue_close);
}

void Port::Impl::closed() {
    close_running_ = false;
    phase_ = Phase::closed;
    if (stopping_) return finish_stop();
    retry_later();
}

void Port::Impl::stop(std::function<void()> done) {
    stopping_ = true;
    stop_done_ = std::move(done);
    watch_ = {};
    reopen_timer_.cancel();
    if (phase_ == Phase::closed) return finish_stop();
    after(stop_timer_, stop_limit, &Impl::finish_stop);
    if (phase_ == Phase::closing) return continue_close();  // it may have been refused a worker
    if (phase_ != Phase::online) return;
    go_offline("the port was closed");
    begin_close();
}

void Port::Impl::reconfigure(const PortConfig& wanted, Reply<line::Settings> reply) {
    const bool same_settings = wanted.settings == config.settings;
    config.description = wanted.description;
    config.tx_queue_bytes_max = wanted.tx_queue_bytes_max;
    config.restore_settings = wanted.restore_settings;
    config.settings = wanted.settings;
    set_options(wanted.line);
    config.reopen_pts = wanted.reopen_pts;
    if (config.reopen_pts && phase_ == Phase::closed) try_open();
    reconfigured_ = std::move(reply);
    queue.set_bytes_max(config.tx_queue_bytes_max);
    announce_room();
    if (same_settings) return;
    wanted_ = config.settings;
    if (phase_ == Phase::online) return apply_configured();
    settings = wanted_;
    stats->baud.store(settings.baud, std::memory_order_relaxed);
}

/// A device that is not open now gets them when it is opened.
void Port::Impl::set_options(const line::LineOptions& options) {
    if (options == std::exchange(config.line, options) || phase_ != Phase::online) return;
    call_line<void>([options](line::Line& line) { return line.set_options(options); }, [](const Result<void>&) {});
}

void Port::Impl::finish_stop() {
    stop_timer_.cancel();
    if (auto done = std::exchange(stop_done_, nullptr)) done();
}

void Port::Impl::start_read() {
    const auto space = listener_.receive_space();
    rx_.slot = attached_->slot;
    rx_.data = space.data();
    rx_.size = std::min(space.size(), io::read_gather_bytes_max);
    rx_active_ = true;
    attached_->engine->start(rx_);
}

void Port::Impl::on_read(ssize_t result) {
    rx_active_ = false;
    if (result > 0) {
        const auto size = static_cast<std::size_t>(result);
        add(stats->rx_bytes, size);
        listener_.on_received(size);
        if (phase_ == Phase::online) return start_read();
    }
    if (phase_ != Phase::online) return continue_close();
    if (result == -EFAULT) {
        // The memory was taken away meanwhile: the file of the log was cut short. Asking for space puts other memory there.
        add(stats->read_errors, 1);
        return start_read();
    }
    if (result == 0) return read_nothing();
    add(stats->read_errors, 1);
    go_offline(errno_error("reading " + config.device, static_cast<int>(-result)).message);
    begin_close();
}

void Port::Impl::hung_up() {
    const bool only_a_number = terminal_ && terminal_->link && terminal_->link->empty() && !config.reopen_pts;
    if (!only_a_number) {
        go_offline("the device hung up (unplugged, or its other end was closed)");
        return begin_close();
    }
    // From now on the number may be another terminal's, and the next process must know that, too.
    terminal_refused_ = true;
    listener_.on_terminal_closed(true);
    go_offline(line::terminal_error(config.device).message);
    begin_close();
}

}  // namespace vserd::port
