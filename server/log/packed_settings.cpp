#include "log/packed_settings.hpp"

#include "log/log_layout.hpp"

namespace vserd::log {
namespace {

constexpr unsigned settings_bits = 43;
constexpr std::uint64_t settings_mask = (std::uint64_t{1} << settings_bits) - 1;

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

}  // namespace vserd::log
