// What the port looks at while its device is open: modem lines, error counters, and what other programs do to it.

#include <poll.h>
#include <sys/stat.h>

#include <ratio>
#include <utility>

#include "port/port_impl.hpp"

namespace vserd::port {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds status_interval{200};
/// Of devices that have no more to tell than whether another program changed their settings.
using SettingsTick = std::chrono::duration<std::int64_t, std::ratio<1, 2>>;

bool is_hung_up(int fd) {
    pollfd state{fd, 0, 0};
    return ::poll(&state, 1, 0) < 0 || (state.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

line::LineErrors since(const line::LineErrors& now, const line::LineErrors& before) {
    const auto difference = [](std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; };
    return {difference(now.frame, before.frame), difference(now.parity, before.parity),
            difference(now.overrun, before.overrun), difference(now.breaks, before.breaks)};
}

}  // namespace

/// The device hung up, or another program set a mode in which a read may give nothing.
void Port::Impl::read_nothing() {
    if (!line_->shares_settings() || is_hung_up(line_->fd())) return hung_up();
    call_line<std::optional<line::OutsideChange>>(
        [restore = config.restore_settings](line::Line& line) { return line.check_settings(restore); },
        [this](const Result<std::optional<line::OutsideChange>>& change) {
            if (phase_ != Phase::online) return;
            if (!change || !*change) return hung_up();
            take_outside_change(**change);
            start_read();
        });
}

void Port::Impl::watch_foreign_readers() {
    struct stat node {};
    if (environment_.foreign_readers == nullptr || kind == line::Kind::simulated) return;
    if (::fstat(line_->fd(), &node) != 0 || !S_ISCHR(node.st_mode)) return;
    foreign_readers_watch_ = environment_.foreign_readers->watch(
        node.st_rdev, [this](const std::vector<std::string>& processes) { take_foreign_readers(processes); });
}

void Port::Impl::take_foreign_readers(const std::vector<std::string>& processes) {
    foreign_readers = processes;
    stats->foreign_readers.store(static_cast<std::uint32_t>(processes.size()), std::memory_order_relaxed);
    listener_.on_event(port::ForeignReadersFound{processes});
}

bool Port::Impl::is_looked_at() const {
    return capabilities->modem_signals || capabilities->error_counters || line_->shares_settings();
}

void Port::Impl::schedule_status() {
    if (!is_looked_at()) return;
    if (capabilities->modem_signals || capabilities->error_counters)
        return after(status_timer_, status_interval, &Impl::poll_status);
    // On common ticks, so that many ports share a wake-up.
    const auto next = std::chrono::ceil<SettingsTick>(std::chrono::steady_clock::now() + SettingsTick{1} / 2);
    after(status_timer_, next - std::chrono::steady_clock::now(), &Impl::poll_status);
}

void Port::Impl::poll_status() {
    if (phase_ != Phase::online) return;
    if (call_running_) return schedule_status();  // one caller at a time; the next poll sees it
    if (line_->status_is_quick()) {
        take_status(line_->status());
        return schedule_status();
    }
    look_at_line([this] {
        if (phase_ == Phase::online) schedule_status();
    });
}

void Port::Impl::look(std::function<void()> done) {
    if (phase_ != Phase::online || call_running_ || !line_->shares_settings()) return done();
    look_at_line(std::move(done));
}

void Port::Impl::look_at_line(std::function<void()> done) {
    call_line<Look>(
        [restore = config.restore_settings](line::Line& line) -> Result<Look> {
            const auto status = line.status();
            if (!status) return status.error();
            const auto outside = line.check_settings(restore);
            if (!outside) return outside.error();
            return Look{*status, *outside};
        },
        [this, done = std::move(done)](const Result<Look>& look) {
            take_look(look);
            done();
        });
}

void Port::Impl::take_look(const Result<Look>& look) {
    if (!look || phase_ != Phase::online) return;  // a device that goes away is noticed by its read
    take_status(look->status);
    if (look->outside && phase_ == Phase::online) take_outside_change(*look->outside);
}

void Port::Impl::take_outside_change(const line::OutsideChange& change) {
    take_settings(change.found, true);
    take_settings(change.in_force, false);
    attached_->engine->retry(attached_->slot);  // what line editing kept back can be read now
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
