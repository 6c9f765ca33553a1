// Commands: what takes effect between two bytes. They wait in the tx queue, at their place.

#include <algorithm>
#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds deadline_check_interval{5};
constexpr std::chrono::microseconds wire_wait_min{500};
constexpr std::chrono::microseconds wire_wait_max{50'000};

}  // namespace

/// How long `bytes` take on the wire.
std::chrono::microseconds Port::Impl::wire_time(std::uint64_t bytes) const {
    const std::uint64_t half_bits = bytes * line::half_bits_per_character(settings.format);
    return std::chrono::microseconds{half_bits * 500'000 / std::max(settings.baud, 1U)};
}

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
    if (queue.commands() + (command_ ? 1 : 0) + calls_.size() >= line_requests_max) {
        return command.reply(
            Error{Failure::exhausted, 0, "line_requests_max",
                  "too many requests wait for the line of port \"" + config.name + "\"; try again later"});
    }
    queue.push(std::make_unique<TxCommand>(std::move(command)));
    if (queue.commands() == 1) after(command_timer_, deadline_check_interval, &Impl::check_deadlines);
    overtake_held_output();
    pump();
}

void Port::Impl::check_deadlines() {
    for (auto& command : queue.take_expired(std::chrono::steady_clock::now(), false, false)) {
        command->reply(Error{Failure::timed_out, 0, "",
                             "the bytes accepted before this had not left when the deadline came (" +
                                 std::to_string(queue.bytes()) + " wait here, " + std::to_string(device_pending_) +
                                 " in the device" + (output_held_ ? "; flow control holds them" : "") +
                                 "); nothing was changed; flushing the output drops them"});
    }
    if (queue.commands() > 0) after(command_timer_, deadline_check_interval, &Impl::check_deadlines);
    overtake_held_output();
    pump();
}

void Port::Impl::begin_command() {
    if (wire_asked_) return;
    wire_asked_ = true;
    call_line<std::uint64_t>([](line::Line& line) { return line.output_pending_bytes(); },
                             [this](const Result<std::uint64_t>& pending) { wait_for_wire(pending); });
}

/// Until the wire is free the deadline may still take the command.
void Port::Impl::wait_for_wire(const Result<std::uint64_t>& pending) {
    if (phase_ != Phase::online) return;
    wire_asked_ = false;
    device_pending_ = pending ? *pending : 0;
    if (command_ || queue.front_command() == nullptr) return pump();
    if (queue.front_command()->deadline.passed(std::chrono::steady_clock::now())) return check_deadlines();
    if (pending && *pending == 0) return run_command(queue.pop_command(), false);
    if (!pending) {
        command_ = queue.pop_command();
        return finish_command(pending.error());
    }
    watch_output();
    wire_asked_ = true;
    after(wire_timer_, std::clamp(wire_time(*pending), wire_wait_min, wire_wait_max), &Impl::wire_waited);
}

void Port::Impl::wire_waited() {
    wire_asked_ = false;
    pump();
}

/// `at_once`: the bytes before it have not left.
void Port::Impl::run_command(std::unique_ptr<TxCommand> command, bool at_once) {
    wire_timer_.cancel();
    wire_asked_ = false;
    command_ = std::move(command);
    if (const auto* change = std::get_if<line::SettingsChange>(&command_->action)) {
        apply_settings(*change, at_once);
    } else {
        start_break();
    }
}

void Port::Impl::apply_settings(const line::SettingsChange& change, bool at_once) {
    const auto wanted = line::with_change(settings, change);
    if (!wanted) return finish_command(wanted.error());
    call_line<line::Settings>(
        [wanted = *wanted, at_once](line::Line& line) {
            return at_once ? line.apply_at_once(wanted) : line.apply(wanted);
        },
        [this, wanted = *wanted](Result<line::Settings> applied) {
            if (applied && phase_ == Phase::online) {
                wanted_ = wanted;
                take_settings(*applied, false);
                attached_->engine->retry(attached_->slot);  // flow control may have let the output go
            }
            finish_command(std::move(applied));
        });
}

/// `changed_outside`: by another program, which is an event even where only modes changed that are no settings of ours.
void Port::Impl::take_settings(const line::Settings& in_force, bool changed_outside) {
    const bool changed = settings != in_force;
    settings = in_force;
    stats->baud.store(settings.baud, std::memory_order_relaxed);
    if (changed || changed_outside) listener_.on_event(SettingsChanged{settings, changed_outside});
    if (queue.bytes() > 0) watch_output();
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
    const auto duration = std::get<milliseconds>(command_->action);
    call_line<void>([duration](line::Line& line) { return line.begin_break(duration); },
                    [this, duration](const Result<void>& started) {
                        if (phase_ != Phase::online) return;
                        if (!started) return finish_command(started.error());
                        after(wire_timer_, duration, &Impl::end_break);
                    });
}

void Port::Impl::end_break() {
    if (phase_ != Phase::online) return;
    call_line<void>([](line::Line& line) { return line.end_break(); },
                    [this](const Result<void>& ended) {
                        if (phase_ != Phase::online) return;
                        if (!ended) return finish_command(ended.error());
                        listener_.on_event(BreakSent{std::get<milliseconds>(command_->action)});
                        finish_command(settings);
                    });
}

void Port::Impl::finish_command(Result<line::Settings> result) {
    if (phase_ != Phase::online) return;  // begin_close() has answered it
    const auto command = std::move(command_);
    if (queue.commands() == 0) command_timer_.cancel();
    command->reply(std::move(result));
    pump();
}

}  // namespace vserd::port
