#include "port/line_watch.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <ratio>
#include <utility>

namespace vserd::port {
namespace {

using StatusTick = std::chrono::duration<std::int64_t, std::ratio<1, 5>>;
/// For devices without modem lines and counters: only another program can change their settings.
using SettingsTick = std::chrono::duration<std::int64_t, std::ratio<1, 2>>;
/// For devices whose driver may take its time, while nobody reads.
using UnreadTick = std::chrono::seconds;

/// All ports use the same ticks, so that one wake-up serves many of them.
template <class Tick>
std::chrono::steady_clock::time_point next_tick() {
    return std::chrono::ceil<Tick>(std::chrono::steady_clock::now() + Tick{1} / 2);
}

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

LineWatch::LineWatch(const PortEnvironment& environment, PortStatus& port, LineCalls& calls, Transmitter& transmitter,
                     const Life& life)
    : port_(port),
      calls_(calls),
      transmitter_(transmitter),
      foreign_readers_(environment.foreign_readers),
      timer_(environment.loop, life) {}

void LineWatch::begin(const line::LineStatus& reported) {
    port_.signals.reset();
    if (port_.capabilities->modem_signals) port_.signals = reported.signals;
    errors_seen_ = reported.errors;
}

void LineWatch::stop() {
    timer_.cancel();
    registration_ = {};
    port_.foreign_readers.clear();
    port_.stats->foreign_readers.store(0, std::memory_order_relaxed);
}

void LineWatch::check_empty_read(std::function<void(bool)> checked) {
    if (!calls_.line().shares_settings() || is_hung_up(calls_.line().fd())) return checked(false);
    calls_.call<std::optional<line::OutsideChange>>(
        [restore = port_.config.restore_settings](line::Line& line) { return line.check_settings(restore); },
        [this, checked = std::move(checked)](const Result<std::optional<line::OutsideChange>>& change) {
            if (!port_.is_online()) return;
            if (!change || !*change) return checked(false);
            take_outside_change(**change);
            checked(true);
        });
}

void LineWatch::watch_foreign_readers() {
    struct stat node {};
    if (foreign_readers_ == nullptr || port_.kind == line::Kind::simulated) return;
    if (::fstat(calls_.line().fd(), &node) != 0 || !S_ISCHR(node.st_mode)) return;
    registration_ = foreign_readers_->watch(
        node.st_rdev, [this](const std::vector<std::string>& processes) { take_foreign_readers(processes); });
}

void LineWatch::take_foreign_readers(const std::vector<std::string>& processes) {
    port_.foreign_readers = processes;
    port_.stats->foreign_readers.store(static_cast<std::uint32_t>(processes.size()), std::memory_order_relaxed);
    port_.listener.on_event(ForeignReadersFound{processes});
}

void LineWatch::poll_later() {
    const bool has_status = port_.capabilities->modem_signals || port_.capabilities->error_counters;
    if (!has_status && !calls_.line().shares_settings()) return;
    const bool quick = calls_.line().status_is_quick();
    const bool unread = port_.stats->readers.load(std::memory_order_relaxed) == 0;
    const auto when = !quick && unread ? next_tick<UnreadTick>()
                      : has_status     ? next_tick<StatusTick>()
                                       : next_tick<SettingsTick>();
    timer_.at(when, [this] { poll(); });
}

void LineWatch::poll() {
    if (calls_.is_busy()) return poll_later();  // do not queue behind another call
    if (calls_.line().status_is_quick()) {
        take_status(calls_.line().status());
        if (!port_.is_online()) return;
        if (!calls_.line().settings_changed()) return poll_later();
    }
    look_at_line([this] {
        if (port_.is_online()) poll_later();
    });
}

void LineWatch::look(std::function<void()> done) {
    if (!port_.is_online() || calls_.is_busy() || !calls_.line().shares_settings()) return done();
    look_at_line(std::move(done));
}

void LineWatch::look_at_line(std::function<void()> done) {
    calls_.call<Look>(
        [restore = port_.config.restore_settings](line::Line& line) -> Result<Look> {
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

void LineWatch::take_look(const Result<Look>& look) {
    if (!look || !port_.is_online()) return;  // the read reports a disconnect
    take_status(look->status);
    if (look->outside && port_.is_online()) take_outside_change(*look->outside);
}

void LineWatch::take_outside_change(const line::OutsideChange& change) {
    transmitter_.take_settings(change.found, true);
    transmitter_.take_settings(change.in_force, false);
    transmitter_.retry();  // bytes that line editing held back can be read now
}

void LineWatch::take_status(const Result<line::LineStatus>& status) {
    if (!status || !port_.is_online()) return;  // the read reports a disconnect
    if (status->errors != errors_seen_) {
        const auto errors = since(status->errors, errors_seen_);
        errors_seen_ = status->errors;
        add(port_.stats->line_frame_errors, errors.frame);
        add(port_.stats->line_parity_errors, errors.parity);
        add(port_.stats->line_overruns, errors.overrun);
        add(port_.stats->line_breaks, errors.breaks);
        if (errors != line::LineErrors{}) port_.listener.on_event(LineErrorsCounted{errors});
        publish_status();
    }
    if (port_.signals && *port_.signals != status->signals) {
        port_.signals = status->signals;
        port_.listener.on_event(SignalsChanged{*port_.signals});
        publish_status();
    }
}

void LineWatch::publish_status() { port_.listener.on_status({port_.signals.value_or(line::Signals{}), errors_seen_}); }

Result<void> LineWatch::require_modem_lines() const {
    if (const auto online = port_.require_online(); !online) return online.error();
    if (!port_.capabilities->modem_signals) return port_.unsupported("modem_signals", "has no modem lines");
    return {};
}

void LineWatch::set_signals(const line::SignalChange& change, Reply<line::Signals> reply) {
    if (!change.dtr && !change.rts) {
        return reply(Error{Failure::invalid_argument, 0, "dtr", "neither dtr nor rts is set; set at least one"});
    }
    if (const auto usable = require_modem_lines(); !usable) return reply(usable.error());
    calls_.call<line::Signals>([change](line::Line& line) { return line.set_signals(change); },
                               [this, reply = std::move(reply)](Result<line::Signals> result) {
                                   if (result && port_.is_online() && port_.signals != *result) {
                                       port_.signals = *result;
                                       port_.listener.on_event(SignalsChanged{*result});
                                       publish_status();
                                   }
                                   reply(std::move(result));
                               });
}

void LineWatch::read_signals(Reply<line::Signals> reply) {
    if (const auto usable = require_modem_lines(); !usable) return reply(usable.error());
    calls_.call<line::LineStatus>([](line::Line& line) { return line.status(); },
                                  [this, reply = std::move(reply)](const Result<line::LineStatus>& status) {
                                      take_status(status);
                                      status ? reply(status->signals) : reply(status.error());
                                  });
}

}  // namespace vserd::port
