#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "sim/byte_fifo.hpp"

namespace vserd::sim {

/// The serial protocol of the loader in an ESP32's ROM, as far as a program needs it to detect the chip: SYNC, READ_REG and
/// CHANGE_BAUDRATE. Other commands fail. Espressif documents it in esptool's "Serial Protocol".
///
/// The registers that a program reads say: an ESP32-D0WD-V3 of revision 3.0 with a crystal of 40 MHz and the MAC address
/// 02:76:73:65:72:64. Other registers are 0.
class EspLoader {
public:
    /// Requests are shorter. Longer packets are ignored.
    static constexpr std::size_t packet_bytes_max = 64;
    /// The replies to one packet: SYNC has 8, whose 12 bytes may all be escaped.
    static constexpr std::size_t replies_bytes_max = std::size_t{8} * (2 + 2 * 12);

    /// How many bytes it can receive if there is that much room for replies. A packet that began earlier may cause
    /// replies_bytes_max at once; each whole packet of N bytes causes less than 8 * N.
    static constexpr std::size_t input_room(std::size_t output_room) noexcept {
        return output_room < replies_bytes_max ? 0 : (output_room - replies_bytes_max) / 8;
    }

    /// `output` outlives the loader.
    explicit EspLoader(ByteFifo& output) : output_(output) {}

    void reset() noexcept;
    /// Requires input_room(). `baud` is the speed of the UART.
    void receive(std::span<const std::byte> bytes, std::uint32_t baud);

private:
    void take(std::uint8_t byte, std::uint32_t baud);
    void store(std::uint8_t byte) noexcept;
    void execute(std::uint32_t baud);
    void reply(std::uint8_t command, std::uint32_t value, bool failed = false);

    ByteFifo& output_;
    std::array<std::uint8_t, packet_bytes_max> packet_{};
    std::size_t size_ = 0;
    bool escaped_ = false;
    bool too_long_ = false;
};

}  // namespace vserd::sim
