#include "log/moment.hpp"

#include <ctime>

namespace vserd::log {
namespace {

/// If two readings are further apart, the thread was interrupted between them.
constexpr std::chrono::microseconds reading_limit{20};
constexpr int readings_max = 3;

}  // namespace

BootTime BootClock::now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return BootTime{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

Moment Moment::now() noexcept {
    Moment moment;
    for (int reading = 0; reading < readings_max; ++reading) {
        moment.boot = BootClock::now();
        moment.wall = std::chrono::system_clock::now();
        if (BootClock::now() - moment.boot < reading_limit) break;
    }
    return moment;
}

}  // namespace vserd::log
