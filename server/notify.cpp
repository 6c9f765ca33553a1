#include "notify.hpp"

#include <systemd/sd-daemon.h>

#include <ctime>

namespace vserd {
namespace {

// Whether systemd listens changes nothing for us, so what sd_notify returns is not looked at.
void notify(const std::string& state) { static_cast<void>(::sd_notify(0, state.c_str())); }

}  // namespace

void notify_ready(const std::string& status) { notify("READY=1\nSTATUS=" + status); }

void notify_reloading() {
    // Type=notify-reload wants to know when, by CLOCK_MONOTONIC.
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void notify_status(const std::string& status) { notify("STATUS=" + status); }

void notify_stopping() { notify("STOPPING=1\nSTATUS=writing what was accepted"); }

}  // namespace vserd
