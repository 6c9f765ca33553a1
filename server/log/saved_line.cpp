#include "log/saved_line.hpp"

namespace vserd::log {
namespace {

constexpr unsigned settings_bits = 43;
constexpr std::uint64_t settings_mask = (std::uint64_t{1} << settings_bits) - 1;
constexpr unsigned signals_bits = 8;

std::uint64_t packed(const line::Signals& signals) noexcept {
    const bool lines[] = {signals.dtr, signals.rts, signals.cts, signals.dsr, signals.dcd, signals.ri};
    std::uint64_t bits = 0;
    for (const bool line : lines) bits = bits << 1U | (line ? 1U : 0U);
    return bits | mixed(bits + 1) << signals_bits;
}

}  // namespace

std::uint64_t packed(const line::Settings& settings) noexcept {
    const line::Format& format = settings.format;
    const std::uint64_t bits = std::uint64_t{settings.baud} << 11U | std::uint64_t{format.data_bits & 0xFU} << 7U |
                               static_cast<std::uint64_t>(format.parity) << 4U |
                               static_cast<std::uint64_t>(format.stop_bits) << 2U |
                               static_cast<std::uint64_t>(format.flow_control);
    return bits | mixed(bits + 1) << settings_bits;
}

std::optional<line::Settings> unpacked(std::uint64_t word) noexcept {
    const std::uint64_t bits = word & settings_mask;
    if (word != (bits | mixed(bits + 1) << settings_bits)) return std::nullopt;
    const auto field = [bits](unsigned shift, unsigned mask) {
        return static_cast<std::uint8_t>(bits >> shift & mask);
    };
    return line::Settings{static_cast<std::uint32_t>(bits >> 11U),
                          {field(7, 0xF), static_cast<line::Parity>(field(4, 7)),
                           static_cast<line::StopBits>(field(2, 3)), static_cast<line::FlowControl>(field(0, 3))}};
}

void save_status(LogHeader& header, const line::LineStatus& status) noexcept {
    const line::LineErrors& errors = status.errors;
    const std::uint64_t counters[] = {errors.frame, errors.parity, errors.overrun, errors.breaks};
    for (std::size_t i = 0; i < header.line_errors.size(); ++i) {
        header.line_errors[i].store(counters[i], std::memory_order_relaxed);
    }
    header.signals.store(packed(status.signals), std::memory_order_relaxed);
}

std::optional<line::LineStatus> saved_status(const LogHeader& header) noexcept {
    const std::uint64_t word = header.signals.load(std::memory_order_relaxed);
    const auto wire = [word](unsigned place) { return (word >> place & 1U) != 0; };
    const line::Signals signals{wire(5), wire(4), wire(3), wire(2), wire(1), wire(0)};
    if (word != packed(signals)) return std::nullopt;
    const auto counter = [&](std::size_t i) { return header.line_errors[i].load(std::memory_order_relaxed); };
    return line::LineStatus{signals, {counter(0), counter(1), counter(2), counter(3)}};
}

}  // namespace vserd::log
