#include <algorithm>
#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds deadline_check_interval{5};
constexpr std::chrono::microseconds wire_wait_min{500};
constexpr std::chrono::microseconds wire_wait_max{50'000};

/// How long `bytes` take on the wire.
std::chrono::microseconds wire_time(std::uint64_t bytes, const line::Settings& settings) {
    const std::uint64_t half_bits = bytes * line::half_bits_per_character(settings.format);
    return std::chrono::microseconds{half_bits * 500'000 / settings.baud};
}

}  // namespace

// Calls on the line: ioctls that may be slow, on the worker pool, in order.

void Port::Impl::start_call() {
    if (call_running_ || calls_.empty() || phase_ != Phase::online) return;
    if (discarded_in_flight_) return;  // the flush comes behind the last byte that the device takes of it
    call_running_ = true;
    running_ = std::move(calls_.front());
    calls_.pop_front();
    environment_.workers.run({
        .work = [line = line_, work = running_->work] { work(*line); },
        .done = when_alive(&Impl::call_done),
        .overdue = when_alive(&Impl::call_overdue),
        .refused =
            [weak = weak_from_this()](const Error& error) {
                if (const auto self = weak.lock()) self->call_refused(error);
            },
        .limit = driver_limit,
    });
}

void Port::Impl::call_done() {
    call_running_ = false;
    if (auto call = std::exchange(running_, std::nullopt)) call->done();
    start_call();
    continue_close();
}

/// The device gets no further call until this one returns: whoever waits for it is answered, and the port goes offline.
void Port::Impl::call_overdue() {
    const std::string hangs = "the driver of " + config.device + " has not answered for 5 s";
    if (auto call = std::exchange(running_, std::nullopt)) call->abandon({Failure::timed_out, 0, "", hangs});
    if (phase_ != Phase::online) return;
    go_offline(hangs + "; the port comes back when it does");
    begin_close();
}

/// No thread was free to make it. The device may be well, so the port stays as it is.
void Port::Impl::call_refused(const Error& error) {
    call_running_ = false;
    abandon_calls(error);
    continue_close();
}

void Port::Impl::abandon_calls(const Error& error) {
    auto calls = std::exchange(calls_, {});
    if (running_) calls.push_front(*std::exchange(running_, std::nullopt));
    for (const LineCall& call : calls) call.abandon(error);
}

// Sending.

std::size_t Port::Impl::transmit(std::span<const std::byte> bytes) {
    const std::size_t taken = queue.append(bytes, tx_active_);
    tx_offset += taken;
    was_full_ = was_full_ || taken < bytes.size();
    stats->tx_queue_bytes.store(queue.bytes(), std::memory_order_relaxed);
    pump();
    return taken;
}

void Port::Impl::pump() {
    if (phase_ != Phase::online || tx_active_ || output_flushes_ > 0) return;
    if (queue.front_command() != nullptr) return begin_command();
    const auto bytes = queue.front_bytes();
    if (bytes.empty()) return;
    tx_.slot = attached_->slot;
    tx_.data = const_cast<std::byte*>(bytes.data());
    tx_.size = bytes.size();
    tx_active_ = true;
    attached_->engine->start(tx_);
}

void Port::Impl::on_written(ssize_t result) {
    tx_active_ = false;
    if (result > 0) {
        add(stats->tx_bytes, static_cast<std::uint64_t>(result));
        queue.consume(static_cast<std::size_t>(result));
    }
    const bool unfinished = result < static_cast<ssize_t>(tx_.size);
    if (const auto discarded = std::exchange(discarded_in_flight_, nullptr)) {
        if (unfinished) {
            *discarded += queue.front_bytes().size();
            queue.consume(queue.front_bytes().size());
        }
        start_call();
    }
    stats->tx_queue_bytes.store(queue.bytes(), std::memory_order_relaxed);
    listener_.on_transmitted(tx_offset - queue.bytes());
    if (phase_ != Phase::online) return continue_close();
    if (result <= 0 && result != -ECANCELED) {
        add(stats->write_errors, 1);
        go_offline(errno_error("writing " + config.device, static_cast<int>(-result)).message);
        return begin_close();
    }
    pump();
    announce_room();
}

void Port::Impl::announce_room() {
    if (!was_full_ || queue.full()) return;
    was_full_ = false;
    listener_.on_transmit_change();
}

// Commands: what takes effect between two bytes.

Result<void> Port::Impl::require_online() const {
    if (state == PortState::online) return {};
    return Error{Failure::unavailable, 0, "", "the device of port \"" + config.name + "\" is away: " + offline_reason};
}

Result<void> Port::Impl::check_supported(const TxCommand& command) const {
    const auto lacks = [this](const char* capability) {
        return Error{
            Failure::unsupported, 0, capability,
            "the device of port \"" + config.name + "\" (" + config.device + ") lacks the capability " + capability};
    };
    const auto* change = std::get_if<line::SettingsChange>(&command.action);
    if (change == nullptr) return capabilities->send_break ? Result<void>{} : lacks("send_break");
    const auto wanted = line::with_change(settings, *change);
    if (!wanted) return wanted.error();
    auto same_frame = wanted->format;
    same_frame.flow_control = settings.format.flow_control;
    if (wanted->baud != settings.baud && !capabilities->baud) return lacks("baud");
    if (same_frame != settings.format && !capabilities->format) return lacks("format");
    if (wanted->format.flow_control != settings.format.flow_control && !capabilities->flow_control)
        return lacks("flow_control");
    return {};
}

void Port::Impl::submit(TxCommand command) {
    if (const auto online = require_online(); !online) return command.reply(online.error());
    if (const auto supported = check_supported(command); !supported) return command.reply(supported.error());
    if (queue.commands() + calls_.size() >= line_requests_max) {
        return command.reply(
            Error{Failure::exhausted, 0, "line_requests_max",
                  "too many requests wait for the line of port \"" + config.name + "\"; try again later"});
    }
    queue.push(std::make_unique<TxCommand>(std::move(command)));
    if (queue.commands() == 1) after(command_timer_, deadline_check_interval, &Impl::check_deadlines);
    pump();
}

void Port::Impl::check_deadlines() {
    for (auto& command : queue.take_expired(std::chrono::steady_clock::now(), false, command_begun_)) {
        command->reply(Error{Failure::timed_out, 0, "",
                             "the bytes accepted before this had not left when the deadline came (" +
                                 std::to_string(queue.bytes()) + " wait here, " + std::to_string(device_pending_) +
                                 " in the device); nothing was changed; flushing the output drops them"});
    }
    if (queue.commands() > 0) after(command_timer_, deadline_check_interval, &Impl::check_deadlines);
    pump();
}

void Port::Impl::begin_command() {
    if (command_begun_) return;
    command_begun_ = true;
    call_line<std::uint64_t>([](line::Line& line) { return line.output_pending_bytes(); },
                             [this](Result<std::uint64_t> pending) { wait_for_wire(std::move(pending)); });
}

void Port::Impl::wait_for_wire(Result<std::uint64_t> pending) {
    if (phase_ != Phase::online) return;
    command_begun_ = false;  // until the wire is free the deadline may still take it
    device_pending_ = pending ? *pending : 0;
    if (!pending) return finish_command(pending.error());
    if (queue.front_command() == nullptr) return pump();
    if (queue.front_command()->deadline.passed(std::chrono::steady_clock::now())) return check_deadlines();
    if (*pending > 0) {
        const auto wait = std::clamp(wire_time(*pending, settings), wire_wait_min, wire_wait_max);
        command_begun_ = true;
        wire_timer_.expires_after(wait);
        wire_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self || self->phase_ != Phase::online) return;
            self->command_begun_ = false;
            self->pump();
        });
        return;
    }
    command_begun_ = true;
    if (const auto* change = std::get_if<line::SettingsChange>(&queue.front_command()->action)) {
        apply_settings(*change);
    } else {
        start_break();
    }
}

void Port::Impl::apply_settings(const line::SettingsChange& change) {
    const auto wanted = line::with_change(settings, change);
    if (!wanted) return finish_command(wanted.error());
    call_line<line::Settings>([wanted = *wanted](line::Line& line) { return line.apply(wanted); },
                              [this, wanted = *wanted](Result<line::Settings> applied) {
                                  if (applied && phase_ == Phase::online) {
                                      wanted_ = wanted;
                                      const bool changed = settings != *applied;
                                      settings = *applied;
                                      stats->baud.store(settings.baud, std::memory_order_relaxed);
                                      if (changed) listener_.on_event(SettingsChanged{settings});
                                  }
                                  finish_command(std::move(applied));
                              });
}

void Port::Impl::apply_configured() {
    const line::Format& format = config.settings.format;
    const line::SettingsChange all{config.settings.baud, format.data_bits, format.parity, format.stop_bits,
                                   format.flow_control};
    submit({all, std::chrono::steady_clock::time_point::max(), [this](Result<line::Settings> result) {
                // Not before the next open: the device went away, perhaps after it took an earlier request.
                if (state == PortState::offline) settings = wanted_ = config.settings;
                reconfigured_(std::move(result));
            }});
}

void Port::Impl::start_break() {
    const auto duration = std::get<milliseconds>(queue.front_command()->action);
    call_line<void>([duration](line::Line& line) { return line.begin_break(duration); },
                    [this](const Result<void>& started) {
                        if (phase_ != Phase::online) return;
                        if (!started) return finish_command(started.error());
                        after(wire_timer_, std::get<milliseconds>(queue.front_command()->action), &Impl::end_break);
                    });
}

void Port::Impl::end_break() {
    if (phase_ != Phase::online) return;
    call_line<void>([](line::Line& line) { return line.end_break(); },
                    [this](const Result<void>& ended) {
                        if (phase_ != Phase::online) return;
                        if (!ended) return finish_command(ended.error());
                        listener_.on_event(BreakSent{std::get<milliseconds>(queue.front_command()->action)});
                        finish_command(settings);
                    });
}

void Port::Impl::finish_command(Result<line::Settings> result) {
    command_begun_ = false;
    if (phase_ != Phase::online || queue.front_command() == nullptr) return;
    const auto command = queue.pop_command();
    if (queue.commands() == 0) command_timer_.cancel();
    command->reply(std::move(result));
    pump();
}

// At once.

void Port::Impl::set_signals(const line::SignalChange& change, Reply<line::Signals> reply) {
    if (!change.dtr && !change.rts) {
        return reply(Error{Failure::invalid_argument, 0, "dtr", "neither dtr nor rts is given; set at least one"});
    }
    if (const auto online = require_online(); !online) return reply(online.error());
    if (!capabilities->modem_signals) {
        return reply(Error{Failure::unsupported, 0, "modem_signals",
                           "the device of port \"" + config.name + "\" (" + config.device + ") has no modem wires"});
    }
    call_line<line::Signals>([change](line::Line& line) { return line.set_signals(change); },
                             [this, reply = std::move(reply)](Result<line::Signals> result) {
                                 if (result && phase_ == Phase::online && signals != *result) {
                                     signals = *result;
                                     listener_.on_event(SignalsChanged{*result});
                                     told_status();
                                 }
                                 reply(std::move(result));
                             });
}

void Port::Impl::read_signals(Reply<line::Signals> reply) {
    if (const auto online = require_online(); !online) return reply(online.error());
    if (!capabilities->modem_signals) {
        return reply(Error{Failure::unsupported, 0, "modem_signals",
                           "the device of port \"" + config.name + "\" (" + config.device + ") has no modem wires"});
    }
    call_line<line::LineStatus>([](line::Line& line) { return line.status(); },
                                [this, reply = std::move(reply)](const Result<line::LineStatus>& status) {
                                    take_status(status);
                                    status ? reply(status->signals) : reply(status.error());
                                });
}

void Port::Impl::flush(line::FlushDirection direction, Reply<std::uint64_t> reply) {
    if (const auto online = require_online(); !online) return reply(online.error());
    if (!capabilities->flush) {
        return reply(Error{Failure::unsupported, 0, "flush",
                           "the device of port \"" + config.name + "\" (" + config.device + ") cannot discard"});
    }
    const auto discarded = std::make_shared<std::uint64_t>(0);  // with the write in flight, which adds what it leaves
    const bool output = direction != line::FlushDirection::input;
    if (output) {
        ++output_flushes_;  // what is written before the device has flushed would be gone too
        *discarded = queue.discard_bytes(tx_active_);
        if (tx_active_ && !discarded_in_flight_) {
            discarded_in_flight_ = discarded;
            attached_->engine->cancel(tx_);
        }
        stats->tx_queue_bytes.store(queue.bytes(), std::memory_order_relaxed);
    }
    call_line<void>([direction](line::Line& line) { return line.flush(direction); },
                    [this, reply = std::move(reply), discarded, output](const Result<void>& flushed) {
                        if (output) --output_flushes_;
                        if (attached_) attached_->engine->retry(attached_->slot);
                        flushed ? reply(*discarded) : reply(flushed.error());
                        pump();
                    });
    announce_room();
}

}  // namespace vserd::port
