#include <algorithm>
#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;

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
    if (phase_ != Phase::online || tx_active_ || output_flushes_ > 0 || command_) return;
    if (queue.front_command() != nullptr) return begin_command();
    const auto bytes = queue.front_bytes();
    if (bytes.empty()) return;
    tx_.slot = attached_->slot;
    tx_.data = const_cast<std::byte*>(bytes.data());
    tx_.size = bytes.size();
    tx_active_ = true;
    attached_->engine->start(tx_);
    watch_output();
}

void Port::Impl::on_written(ssize_t result) {
    tx_active_ = false;
    if (result > 0) {
        add(stats->tx_bytes, static_cast<std::uint64_t>(result));
        output_moved();
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

void Port::Impl::flush(line::FlushDirection direction, Reply<std::uint64_t> reply, std::string client) {
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
                    [this, reply = std::move(reply), client = std::move(client), direction, discarded,
                     output](const Result<void>& flushed) {
                        if (output) --output_flushes_;
                        if (*discarded > 0) listener_.on_event(Flushed{direction, *discarded, client});
                        if (attached_) attached_->engine->retry(attached_->slot);
                        flushed ? reply(*discarded) : reply(flushed.error());
                        pump();
                    });
    announce_room();
}

}  // namespace vserd::port
