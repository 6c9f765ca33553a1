#include <algorithm>
#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds backoff_min{20};
constexpr milliseconds backoff_max{1000};
constexpr milliseconds open_warning_limit{5000};
constexpr milliseconds stop_limit{2000};
constexpr milliseconds status_interval{200};

io::Operation make_operation(io::OperationKind kind, void* owner, io::Operation::Completion complete) {
    io::Operation operation;
    operation.kind = kind;
    operation.owner = owner;
    operation.complete = complete;
    return operation;
}

line::LineErrors since(const line::LineErrors& now, const line::LineErrors& before) {
    const auto difference = [](std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; };
    return {difference(now.frame, before.frame), difference(now.parity, before.parity),
            difference(now.overrun, before.overrun), difference(now.breaks, before.breaks)};
}

}  // namespace

Port::Impl::Impl(PortEnvironment environment, PortConfig port_config, Listener& listener)
    : config(std::move(port_config)),
      stats(std::make_shared<PortStats>(config.name)),
      offline_reason("not opened yet"),
      settings(config.settings),
      kind(line::kind_of(config.device)),
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
      open_timer_(environment.loop.context()),
      status_timer_(environment.loop.context()),
      call_timer_(environment.loop.context()),
      command_timer_(environment.loop.context()),
      wire_timer_(environment.loop.context()),
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

void Port::Impl::start(PortResume resume) {
    held_ = std::move(resume.device);
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

void Port::Impl::node_changed() {
    node_changed_while_busy_ = true;
    if (phase_ != Phase::closed) return;
    backoff_ = backoff_min;
    try_open();
}

Result<Port::Impl::OpenedLine> Port::Impl::open_device(const std::string& device, io::Fd held,
                                                       const line::Settings& settings) {
    bool taken_over = static_cast<bool>(held);
    auto line = taken_over ? line::adopt_line(device, std::move(held), settings) : line::open_line(device, settings);
    if (!line && taken_over) {
        taken_over = false;
        line = line::open_line(device, settings);
    }
    if (!line) return line.error();
    OpenedLine opened{std::move(*line), settings, {}, settings, taken_over};
    const auto in_force = opened.line->read_back();
    if (!in_force) return in_force.error();
    opened.settings = *in_force;
    const auto status = opened.line->status();
    if (!status) return status.error();
    opened.status = *status;
    return opened;
}

void Port::Impl::try_open() {
    if (phase_ != Phase::closed || stopping_) return;
    phase_ = Phase::opening;
    node_changed_while_busy_ = false;
    reopen_timer_.cancel();
    after(open_timer_, open_warning_limit, &Impl::open_takes_long);
    const auto result = std::make_shared<std::optional<Result<OpenedLine>>>();  // with the worker, which may be stuck
    const auto held = std::make_shared<io::Fd>(std::move(held_));               // the worker takes it
    const bool was_held = static_cast<bool>(*held);
    environment_.workers.run([result, held, device = config.device,
                              wanted = wanted_] { *result = open_device(device, std::move(*held), wanted); },
                             [weak = weak_from_this(), result, was_held] {
                                 const auto self = weak.lock();
                                 if (!self) return;
                                 Result<OpenedLine>& opened = **result;
                                 if (was_held && !(opened && opened->taken_over)) self->listener_.on_descriptor(-1);
                                 self->opened(std::move(opened));
                             });
}

void Port::Impl::open_takes_long() {
    offline_reason = "opening " + config.device + " has not returned for 5 s: its driver hangs; unplug the device";
    open_failure_ = offline_reason;
    listener_.on_event(WentOffline{offline_reason});
}

void Port::Impl::opened(Result<OpenedLine> result) {
    open_timer_.cancel();
    if (!result) return open_failed(result.error());
    if (stopping_) {
        line_ = std::move(result->line);
        return begin_close();
    }
    auto attached = environment_.loop.attach(result->line->fd());
    if (!attached) {
        line_ = std::move(result->line);
        if (result->taken_over) listener_.on_descriptor(-1);  // or who keeps it would keep its lock too
        note_open_failure(attached.error());
        return begin_close();
    }
    attached_ = std::move(*attached);
    go_online(std::move(*result));
}

void Port::Impl::open_failed(const Error& error) {
    phase_ = Phase::closed;
    note_open_failure(error);
    if (stopping_) return finish_stop();
    retry_later();
}

void Port::Impl::note_open_failure(const Error& error) {
    add(stats->open_errors, 1);
    // Right after an unplug "no such device" is no news; a different failure later is.
    const bool news = open_failure_.empty() ? !was_online_ : open_failure_ != error.message;
    open_failure_ = error.message;
    if (!was_online_ || news) offline_reason = error.message;
    if (news && !stopping_) listener_.on_event(WentOffline{error.message});
}

std::string_view Port::Impl::engine() const noexcept {
    return (attached_ ? *attached_->engine : environment_.loop.engine()).name();
}

void Port::Impl::retry_later() {
    if (node_changed_while_busy_) backoff_ = backoff_min;
    after(reopen_timer_, backoff_, &Impl::try_open);
    backoff_ = std::min(backoff_ * 2, backoff_max);
}

void Port::Impl::go_online(OpenedLine opened) {
    phase_ = Phase::online;
    state = PortState::online;
    line_ = std::move(opened.line);
    settings = opened.settings;
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
    status_timer_.cancel();
    wire_timer_.cancel();
    command_timer_.cancel();
    const Error away{Failure::unavailable, 0, "",
                     "the device of port \"" + config.name + "\" went away: " + offline_reason};
    abandon_calls(away);
    command_begun_ = false;
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
    // Closing a tty waits for its output: not on this thread.
    environment_.workers.run([line = std::exchange(line_, nullptr)]() mutable { line.reset(); },
                             [weak = weak_from_this()] {
                                 if (const auto self = weak.lock()) self->closed();
                             });
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
    if (phase_ != Phase::online) return;
    go_offline("the port was closed");
    begin_close();
}

void Port::Impl::reconfigure(const PortConfig& wanted, Reply<line::Settings> reply) {
    const bool same_settings = wanted.settings == config.settings;
    config.description = wanted.description;
    config.tx_queue_bytes_max = wanted.tx_queue_bytes_max;
    config.settings = wanted.settings;
    reconfigured_ = std::move(reply);
    queue.set_bytes_max(config.tx_queue_bytes_max);
    announce_room();
    if (same_settings) return;
    wanted_ = config.settings;
    if (phase_ == Phase::online) return apply_configured();
    settings = wanted_;
    stats->baud.store(settings.baud, std::memory_order_relaxed);
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
    if (result == 0) {
        go_offline("the device hung up (unplugged, or its other end was closed)");
    } else {
        add(stats->read_errors, 1);
        go_offline(errno_error("reading " + config.device, static_cast<int>(-result)).message);
    }
    begin_close();
}

void Port::Impl::schedule_status() {
    if (!capabilities->modem_signals && !capabilities->error_counters) return;
    after(status_timer_, status_interval, &Impl::poll_status);
}

void Port::Impl::poll_status() {
    if (phase_ != Phase::online) return;
    if (call_running_) return schedule_status();  // one caller at a time; the next poll sees it
    if (line_->status_is_quick()) {
        take_status(line_->status());
        return schedule_status();
    }
    call_line<line::LineStatus>([](line::Line& line) { return line.status(); },
                                [this](const Result<line::LineStatus>& status) {
                                    take_status(status);
                                    if (phase_ == Phase::online) schedule_status();
                                });
}

void Port::Impl::take_status(const Result<line::LineStatus>& status) {
    if (!status || phase_ != Phase::online) return;  // a device that goes away is noticed by its read
    if (status->errors != errors_seen_) {
        const auto errors = since(status->errors, errors_seen_);
        errors_seen_ = status->errors;
        add(stats->line_frame_errors, errors.frame);
        add(stats->line_parity_errors, errors.parity);
        add(stats->line_overruns, errors.overrun);
        add(stats->line_breaks, errors.breaks);
        if (errors != line::LineErrors{}) listener_.on_event(LineErrorsCounted{errors});
        told_status();
    }
    if (signals && *signals != status->signals) {
        signals = status->signals;
        listener_.on_event(SignalsChanged{*signals});
        told_status();
    }
}

void Port::Impl::told_status() { listener_.on_status({signals.value_or(line::Signals{}), errors_seen_}); }

}  // namespace vserd::port
