#include "sim/esp_loader.hpp"

#include <algorithm>

namespace vserd::sim {
namespace {

// SLIP, RFC 1055.
constexpr std::uint8_t slip_end = 0xc0;
constexpr std::uint8_t slip_escape = 0xdb;
constexpr std::uint8_t slip_escaped_end = 0xdc;
constexpr std::uint8_t slip_escaped_escape = 0xdd;

// A packet: direction, command, size of the data (2 bytes), checksum or value (4 bytes), data. Little-endian.
constexpr std::size_t header_bytes = 8;
constexpr std::uint8_t request = 0;
constexpr std::uint8_t response = 1;
constexpr std::uint8_t command_sync = 0x08;
constexpr std::uint8_t command_read_reg = 0x0a;
constexpr std::uint8_t command_change_baudrate = 0x0f;
constexpr std::uint8_t error_invalid_message = 5;
constexpr std::size_t sync_bytes = 36;
constexpr int sync_replies = 8;
constexpr std::uint32_t sync_value = 0x20120707;  // 0 would mean that Espressif's stub loader answers

constexpr std::uint32_t crystal_hz = 40'000'000;
constexpr std::uint32_t uart_clkdiv_register = 0x3ff40014;

struct Register {
    std::uint32_t address;
    std::uint32_t value;
};
constexpr std::array registers = {
    Register{0x40001000, 0x00f01d83},  // a word of the ROM that differs between models: ESP32
    Register{0x3ff5a004, 0x73657264},  // eFuse word 1: the end of the MAC address
    Register{0x3ff5a008, 0x000c0276},  // word 2: its CRC and its begin
    Register{0x3ff5a00c, 0x0000a200},  // word 3: package D0WD, 240 MHz, bit 0 of the major revision
    Register{0x3ff5a014, 0x00100000},  // word 5: bit 1 of it
    Register{0x3ff6607c, 0x80000000},  // APB_CTRL_DATE: bit 2 of it
};

std::uint32_t little_endian(std::span<const std::uint8_t> bytes) noexcept {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8U | bytes[i];
    return value;
}

std::uint32_t read_register(std::uint32_t address, std::uint32_t baud) noexcept {
    if (address == uart_clkdiv_register) return crystal_hz / baud;
    const auto* found = std::ranges::find(registers, address, &Register::address);
    return found != registers.end() ? found->value : 0;
}

}  // namespace

void EspLoader::reset() noexcept {
    size_ = 0;
    escaped_ = too_long_ = false;
}

void EspLoader::receive(std::span<const std::byte> bytes, std::uint32_t baud) {
    for (const auto byte : bytes) take(static_cast<std::uint8_t>(byte), baud);
}

void EspLoader::take(std::uint8_t byte, std::uint32_t baud) {
    if (byte == slip_end) {
        if (size_ >= header_bytes && !too_long_) execute(baud);
        reset();
    } else if (escaped_) {
        escaped_ = false;
        store(byte == slip_escaped_end ? slip_end : byte == slip_escaped_escape ? slip_escape : byte);
    } else if (byte == slip_escape) {
        escaped_ = true;
    } else {
        store(byte);
    }
}

void EspLoader::store(std::uint8_t byte) noexcept {
    too_long_ = too_long_ || size_ == packet_.size();
    if (!too_long_) packet_[size_++] = byte;
}

void EspLoader::execute(std::uint32_t baud) {
    const auto data = std::span<const std::uint8_t>(packet_).first(size_).subspan(header_bytes);
    const std::size_t data_bytes = packet_[2] + std::size_t{packet_[3]} * 256;
    if (packet_[0] != request || data_bytes != data.size()) return;
    const std::uint8_t command = packet_[1];
    if (command == command_sync && data.size() == sync_bytes) {
        for (int i = 0; i < sync_replies; ++i) reply(command, sync_value);
    } else if (command == command_read_reg && data.size() == 4) {
        reply(command, read_register(little_endian(data), baud));
    } else if (command == command_change_baudrate && data.size() == 8) {
        reply(command, 0);  // the speed of the simulated UART is always the host's
    } else {
        reply(command, 0, /*failed=*/true);
    }
}

void EspLoader::reply(std::uint8_t command, std::uint32_t value, bool failed) {
    std::array<std::uint8_t, header_bytes + 4> packet = {response, command, 4, 0};
    for (unsigned i = 0; i < 4; ++i) packet[4 + i] = static_cast<std::uint8_t>(value >> 8U * i);
    if (failed) {
        packet[header_bytes] = 1;
        packet[header_bytes + 1] = error_invalid_message;
    }
    std::string slip(1, static_cast<char>(slip_end));
    for (const auto byte : packet) {
        const bool special = byte == slip_end || byte == slip_escape;
        if (special) slip += static_cast<char>(slip_escape);
        slip += static_cast<char>(byte == slip_end      ? slip_escaped_end
                                  : byte == slip_escape ? slip_escaped_escape
                                                        : byte);
    }
    output_.push(slip + static_cast<char>(slip_end));
}

}  // namespace vserd::sim
