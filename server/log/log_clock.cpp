#include "log/log_clock.hpp"

#include <algorithm>
#include <limits>

#include "log/boot_id.hpp"

namespace vserd::log {
namespace {

/// Two readings of the clocks may differ by this much although no clock was set.
constexpr std::int64_t jitter_ns = 50'000;

template <class Time>
std::int64_t count_of(Time time) noexcept {
    return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

/// a - b, saturated, because clients may send any time.
std::int64_t less(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t result = 0;
    if (!__builtin_sub_overflow(a, b, &result)) return result;
    return b > 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

LogClock::LogClock(LogHeader& header) : header_(header), boot_(boot_number()) {
    if (header_.clocks[0].boot.load(std::memory_order_relaxed) != boot_) begin_boot();
    offset_ns_ = static_cast<std::int64_t>(header_.clocks[0].offset_ns.load(std::memory_order_relaxed));
    note(Moment::now());
}

/// The newest boot comes first. If the process is killed here, the offset of one boot is lost.
void LogClock::begin_boot() noexcept {
    auto& clocks = header_.clocks;
    const auto put = [](BootOffset& entry, std::uint64_t boot, std::uint64_t offset_ns) {
        entry.boot.store(0, std::memory_order_release);
        entry.offset_ns.store(offset_ns, std::memory_order_release);
        entry.boot.store(boot, std::memory_order_release);
    };
    for (std::size_t i = clocks.size() - 1; i > 0; --i) put(clocks[i], clocks[i - 1].boot, clocks[i - 1].offset_ns);
    put(clocks[0], boot_, 0);
}

void LogClock::note(Moment now) noexcept {
    const std::int64_t offset_ns = less(count_of(now.wall), count_of(now.boot));
    const std::int64_t change_ns = less(offset_ns, offset_ns_);
    if (change_ns < jitter_ns && change_ns > -jitter_ns) return;
    offset_ns_ = offset_ns;
    header_.clocks[0].offset_ns.store(static_cast<std::uint64_t>(offset_ns), std::memory_order_relaxed);
}

SavedTime LogClock::saved(Moment at) const noexcept { return {count_of(at.wall), count_of(at.boot), boot_}; }

Moment LogClock::moment_of(const SavedTime& time) const noexcept {
    const auto shown = [&](std::int64_t offset_ns) {
        return WallTime{std::chrono::nanoseconds{less(time.boot_ns, less(0, offset_ns))}};
    };
    if (time.boot == boot_) return {shown(offset_ns_), BootTime{std::chrono::nanoseconds{time.boot_ns}}};
    for (const BootOffset& clock : header_.clocks) {
        if (clock.boot.load(std::memory_order_acquire) != time.boot) continue;
        return {shown(static_cast<std::int64_t>(clock.offset_ns.load(std::memory_order_relaxed))), before_this_boot};
    }
    return {WallTime{std::chrono::nanoseconds{time.wall_ns}}, before_this_boot};
}

WallTime LogClock::wall_of(Moment at) const noexcept {
    return at.boot == before_this_boot ? at.wall : moment_of(saved(at)).wall;
}

Moment LogClock::moment_at(WallTime wall) const noexcept {
    const std::int64_t boot_ns = less(less(count_of(wall), offset_ns_), jitter_ns);
    return {wall, BootTime{std::chrono::nanoseconds{boot_ns}}};
}

bool reaches(const Moment& at, const Moment& wanted) noexcept {
    return at.boot == before_this_boot ? at.wall >= wanted.wall : at.boot >= wanted.boot;
}

}  // namespace vserd::log
