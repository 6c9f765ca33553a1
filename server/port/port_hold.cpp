// Output that flow control holds: when it is, and how a command gets past it.

#include <algorithm>
#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds output_check_interval{100};
/// Output that did not move for so long, and for several characters, stands still.
constexpr milliseconds standstill_min{200};
constexpr std::uint64_t standstill_characters = 4;
/// Held for so long, the output does not keep back a command any more.
constexpr milliseconds overtake_limit{2000};

}  // namespace

/// Looks from time to time whether the output moves, as long as there is some and flow control may stop it.
void Port::Impl::watch_output() {
    if (output_watched_ || settings.format.flow_control == line::FlowControl::none) return;
    output_watched_ = true;
    output_sent_.reset();
    output_moved_at_ = Clock::now();
    after(output_timer_, output_check_interval, &Impl::check_output);
}

void Port::Impl::check_output() {
    if (phase_ != Phase::online) return;
    if (call_running_) return after(output_timer_, output_check_interval, &Impl::check_output);
    call_line<OutputState>(
        [](line::Line& line) -> Result<OutputState> {
            const auto pending = line.output_pending_bytes();
            if (!pending) return pending.error();
            const auto status = line.status();
            if (!status) return status.error();
            return OutputState{*pending, status->signals.cts};
        },
        [this](const Result<OutputState>& output) { take_output_state(output); });
}

void Port::Impl::take_output_state(const Result<OutputState>& output) {
    if (phase_ != Phase::online) return;
    if (!output) return after(output_timer_, output_check_interval, &Impl::check_output);  // the device was too busy
    const line::FlowControl flow_control = settings.format.flow_control;
    const bool waiting = queue.bytes() > 0 || output->pending_bytes > 0;
    if (!waiting || flow_control == line::FlowControl::none) {
        output_watched_ = false;
        return set_held(false);
    }
    const std::uint64_t sent = stats->tx_bytes.load(std::memory_order_relaxed) - output->pending_bytes;
    if (output_sent_ && *output_sent_ != sent) output_moved();
    output_sent_ = sent;
    const auto standstill = std::max<Clock::duration>(standstill_min, wire_time(standstill_characters));
    // Nobody tells of an XOFF that was received: the line discipline swallows it. That nothing moves has to do.
    const bool stopped = flow_control == line::FlowControl::xon_xoff || (capabilities->modem_signals && !output->cts);
    set_held(stopped && Clock::now() - output_moved_at_ >= standstill);
    after(output_timer_, output_check_interval, &Impl::check_output);
}

void Port::Impl::output_moved() {
    output_moved_at_ = Clock::now();
    set_held(false);
}

void Port::Impl::set_held(bool held) {
    if (held == output_held_) return;
    output_held_ = held;
    output_held_since_ = Clock::now();
    stats->held_by_flow_control.store(held, std::memory_order_relaxed);
    if (!stopping_) listener_.on_event(OutputHeld{held});
    overtake_held_output();
}

/// A change of the flow control that holds the output takes effect at once: behind the bytes that it lets go it would wait
/// for ever. The rest of that change, and other commands, keep their place, but not for longer than overtake_limit.
void Port::Impl::overtake_held_output() {
    if (!output_held_ || command_ || phase_ != Phase::online) return;
    const auto changed_flow_control = [this](const TxCommand& command) -> std::optional<line::FlowControl> {
        const auto* change = std::get_if<line::SettingsChange>(&command.action);
        if (change == nullptr || change->flow_control == settings.format.flow_control) return std::nullopt;
        return change->flow_control;
    };
    const auto lets_go = [&](const TxCommand& command) { return changed_flow_control(command).has_value(); };
    if (const TxCommand* command = queue.find_command(lets_go)) {
        const line::SettingsChange part{.flow_control = changed_flow_control(*command)};
        line::Settings with_part = settings;
        with_part.format.flow_control = *part.flow_control;
        const auto whole = line::with_change(settings, std::get<line::SettingsChange>(command->action));
        if (!whole || *whole == with_part) return run_command(queue.take_command(lets_go), true);
        const auto ignored = [](const Result<line::Settings>&) {};  // the whole change, later, has the answer
        return run_command(std::make_unique<TxCommand>(TxCommand{part, Clock::time_point::max(), ignored}), true);
    }
    if (Clock::now() - output_held_since_ < overtake_limit) return;
    if (auto command = queue.take_command([](const TxCommand&) { return true; })) run_command(std::move(command), true);
}

}  // namespace vserd::port
