#include "restart/saved_port.hpp"

#include "log/packed_settings.hpp"

namespace vserd::restart {
namespace {

/// Indices for LogStore::kept(). They are part of the layout: changing them requires a new log_version.
enum Place : std::size_t {
    transmitted,
    configured,
    settings_in_force,
    signals,
    line_errors,
    standing = line_errors + 4
};
static_assert(standing + 1 == log::log_kept_words);

constexpr unsigned signals_bits = 8;

std::uint64_t packed(const line::Signals& signals) noexcept {
    const bool lines[] = {signals.dtr, signals.rts, signals.cts, signals.dsr, signals.dcd, signals.ri};
    std::uint64_t bits = 0;
    for (const bool line : lines) bits = bits << 1U | (line ? 1U : 0U);
    return bits | log::mixed(bits + 1) << signals_bits;
}

std::uint64_t load(const log::LogStore& store, std::size_t place) noexcept {
    return store.kept(place).load(std::memory_order_relaxed);
}

void save(const log::LogStore& store, std::size_t place, std::uint64_t value) noexcept {
    store.kept(place).store(value, std::memory_order_relaxed);
}

}  // namespace

port::PortResume SavedPort::resume(const line::Settings& configured_now, bool recovered) const {
    port::PortResume resume;
    resume.tx_offset = load(store_, transmitted);
    resume.terminal_closed = is(terminal_closed);
    if (!recovered) return resume;
    resume.in_force = settings();
    resume.status = status();
    // Settings from run time survive, as they survive an unplug, unless the configuration has changed.
    if (!resume.in_force || !is_configured(configured_now)) return resume;
    if (const auto valid = line::ValidSettings::of(*resume.in_force)) resume.settings = *valid;
    return resume;
}

void SavedPort::begin(const line::Settings& configured_now,
                      const std::optional<line::ValidSettings>& resumed) noexcept {
    save_configured(configured_now);
    save_settings(resumed ? resumed->get() : configured_now);
}

void SavedPort::save_configured(const line::Settings& configured_now) noexcept {
    save(store_, configured, log::packed(configured_now));
}

bool SavedPort::is_configured(const line::Settings& configured_now) const noexcept {
    return load(store_, configured) == log::packed(configured_now);
}

void SavedPort::save_settings(const line::Settings& in_force) noexcept {
    save(store_, settings_in_force, log::packed(in_force));
}

std::optional<line::Settings> SavedPort::settings() const noexcept {
    return log::unpacked(load(store_, settings_in_force));
}

void SavedPort::save_transmitted(std::uint64_t tx_offset) noexcept { save(store_, transmitted, tx_offset); }

void SavedPort::save_status(const line::LineStatus& status) noexcept {
    const line::LineErrors& errors = status.errors;
    const std::uint64_t counters[] = {errors.frame, errors.parity, errors.overrun, errors.breaks};
    for (std::size_t i = 0; i < std::size(counters); ++i) save(store_, line_errors + i, counters[i]);
    save(store_, signals, packed(status.signals));
}

std::optional<line::LineStatus> SavedPort::status() const noexcept {
    const std::uint64_t word = load(store_, signals);
    const auto on = [word](unsigned place) { return (word >> place & 1U) != 0; };
    const line::Signals modem_lines{on(5), on(4), on(3), on(2), on(1), on(0)};
    if (word != packed(modem_lines)) return std::nullopt;
    const auto counter = [this](std::size_t i) { return load(store_, line_errors + i); };
    return line::LineStatus{modem_lines, {counter(0), counter(1), counter(2), counter(3)}};
}

void SavedPort::set(Standing what, bool holds) noexcept {
    const std::uint64_t before = load(store_, standing);
    save(store_, standing, holds ? before | what : before & ~std::uint64_t{what});
}

bool SavedPort::is(Standing what) const noexcept { return (load(store_, standing) & what) != 0; }

}  // namespace vserd::restart
