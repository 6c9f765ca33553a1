#include "port/output_watch.hpp"

#include <algorithm>
#include <utility>

namespace vserd::port {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds check_interval{100};
/// Output that has not moved for this long, and for the time of several characters, is held.
constexpr milliseconds standstill_min{200};
constexpr std::uint64_t standstill_characters = 4;

}  // namespace

OutputWatch::OutputWatch(io::Loop& loop, PortStatus& port, const TxQueue& queue, LineCalls& calls, const Life& life,
                         std::function<void()> changed)
    : port_(port), queue_(queue), calls_(calls), changed_(std::move(changed)), timer_(loop, life) {}

void OutputWatch::watch() {
    if (state_ != State::off || port_.settings.format.flow_control == line::FlowControl::none) return;
    state_ = State::watching;
    sent_.reset();
    moved_at_ = Clock::now();
    check_later();
}

void OutputWatch::stop() {
    timer_.cancel();
    set_state(State::off);
}

void OutputWatch::moved() {
    moved_at_ = Clock::now();
    if (state_ == State::held) set_state(State::watching);
}

void OutputWatch::check_later() {
    timer_.after(check_interval, [this] { check(); });
}

void OutputWatch::check() {
    if (calls_.is_busy()) return check_later();
    calls_.call<Output>(
        [](line::Line& line) -> Result<Output> {
            const auto pending = line.output_pending_bytes();
            if (!pending) return pending.error();
            const auto status = line.status();
            if (!status) return status.error();
            return Output{*pending, status->signals.cts};
        },
        [this](const Result<Output>& output) { take(output); });
}

void OutputWatch::take(const Result<Output>& output) {
    if (!port_.is_online()) return;
    if (!output) return check_later();  // the device was too busy
    const line::FlowControl flow_control = port_.settings.format.flow_control;
    const bool waiting = queue_.bytes() > 0 || output->pending_bytes > 0;
    if (!waiting || flow_control == line::FlowControl::none) return set_state(State::off);
    const std::uint64_t sent = port_.stats->tx_bytes.load(std::memory_order_relaxed) - output->pending_bytes;
    if (sent_ && *sent_ != sent) moved();
    sent_ = sent;
    const auto standstill = std::max<Clock::duration>(standstill_min, port_.wire_time(standstill_characters));
    // The line discipline does not report a received XOFF, so output that does not move counts as held.
    const bool stopped =
        flow_control == line::FlowControl::xon_xoff || (port_.capabilities->modem_signals && !output->cts);
    check_later();
    set_state(stopped && Clock::now() - moved_at_ >= standstill ? State::held : State::watching);
}

void OutputWatch::set_state(State state) {
    const bool was_held = is_held();
    state_ = state;
    if (was_held == is_held()) return;
    held_since_ = Clock::now();
    port_.stats->held_by_flow_control.store(is_held(), std::memory_order_relaxed);
    if (!port_.stopping) port_.listener.on_event(OutputHeld{is_held()});
    changed_();
}

}  // namespace vserd::port
