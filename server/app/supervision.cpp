#include "app/supervision.hpp"

#include <fmt/core.h>

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace vserd {
namespace {

using std::chrono::microseconds;

/// The maximum age of the STATUS line.
constexpr microseconds status_interval{std::chrono::seconds{1}};
/// The number of keep-alive messages in one watchdog timeout.
constexpr int signs_of_life = 3;

// The result of sd_notify() is ignored: vserd works the same whether systemd listens or not.
void notify(const std::string& state) { static_cast<void>(::sd_notify(0, state.c_str())); }

microseconds watchdog_interval() {
    std::uint64_t limit_us = 0;
    return ::sd_watchdog_enabled(0, &limit_us) > 0 ? microseconds{limit_us / signs_of_life} : microseconds{0};
}

}  // namespace

Inherited inherited_descriptors() {
    char** names = nullptr;
    const int count = ::sd_listen_fds_with_names(1, &names);
    Inherited inherited;
    for (int i = 0; i < count; ++i) {
        const int fd = SD_LISTEN_FDS_START + i;
        if (restart::Keeper::owns(names[i])) {
            inherited.stored.push_back({names[i], base::Fd(fd)});
        } else {
            inherited.sockets.push_back(fd);
        }
        std::free(names[i]);  // NOLINT(cppcoreguidelines-no-malloc): see sd_listen_fds(3)
    }
    std::free(static_cast<void*>(names));  // NOLINT(cppcoreguidelines-no-malloc)
    return inherited;
}

std::optional<restart::FdStore> fd_store() {
    if (std::getenv("NOTIFY_SOCKET") == nullptr) return std::nullopt;
    return restart::FdStore{
        // vserd handles hang-ups itself, so the store must not remove the descriptor on one.
        .put =
            [](const std::string& name, int fd) {
                const std::string state = "FDSTORE=1\nFDPOLL=0\nFDNAME=" + name;
                static_cast<void>(::sd_pid_notify_with_fds(0, 0, state.c_str(), &fd, 1));
            },
        .remove = [](const std::string& name) { notify("FDSTOREREMOVE=1\nFDNAME=" + name); },
    };
}

Supervision::Supervision(hub::Hub& hub) : hub_(hub), watchdog_(watchdog_interval()) {
    if (std::getenv("NOTIFY_SOCKET") != nullptr) timer_.emplace(hub.loop().context());
}

void Supervision::ready() {
    reload_error_.clear();
    status_sent_ = status();
    notify("READY=1\nSTATUS=" + status_sent_);
    if (timer_) tick();
}

void Supervision::reloading() {
    // Type=notify-reload requires the time, by CLOCK_MONOTONIC.
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void Supervision::reload_failed(const std::string& why) {
    reload_error_ = fmt::format("; reload failed, the previous configuration is still in force: {}", why);
    status_sent_ = status();
    notify("READY=1\nSTATUS=" + status_sent_);
}

void Supervision::stopping() {
    stopping_ = true;
    notify("STOPPING=1\nSTATUS=writing accepted bytes");
}

std::string Supervision::status() const {
    std::size_t up = 0;
    std::uint64_t readers = 0;
    const auto published = hub_.stats();
    const hub::StatsList ports = published ? *published : hub::StatsList{};
    for (const auto& port : ports) {
        up += port->up.load(std::memory_order_relaxed) ? 1 : 0;
        readers += port->readers.load(std::memory_order_relaxed);
    }
    return fmt::format("{} of {} ports up, {}{}{}", up, ports.size(), readers, readers == 1 ? " reader" : " readers",
                       reload_error_);
}

/// The watchdog also runs while the daemon stops.
void Supervision::tick() {
    if (watchdog_.count() > 0) notify("WATCHDOG=1");
    if (std::string now = status(); !stopping_ && now != status_sent_) {
        status_sent_ = std::move(now);
        notify("STATUS=" + status_sent_);
    }
    timer_->expires_after(watchdog_.count() > 0 ? std::min(watchdog_, status_interval) : status_interval);
    timer_->async_wait([this](const boost::system::error_code& error) {
        if (!error) tick();
    });
}

}  // namespace vserd
