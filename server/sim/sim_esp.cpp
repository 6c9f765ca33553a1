#include "sim/sim_esp.hpp"

namespace vserd::sim {
namespace {

constexpr std::string_view application_log =
    "ets Jul 29 2019 12:21:46\r\n\r\n"
    "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
    "configsip: 0, SPIWP:0xee\r\n"
    "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\n"
    "mode:DIO, clock div:2\r\n"
    "load:0x3fff0030,len:7184\r\n"
    "load:0x40078000,len:15576\r\n"
    "entry 0x400805e4\r\n"
    "simboard: this is a simulated ESP32; esptool can detect it\r\n";
constexpr std::string_view download_log =
    "ets Jul 29 2019 12:21:46\r\n\r\n"
    "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\n"
    "waiting for download\r\n";

}  // namespace

std::unique_ptr<SimApplication> make_sim_esp(SimState& state, std::chrono::milliseconds en_rise) {
    return std::make_unique<SimEsp>(state, en_rise);
}

SimEsp::SimEsp(SimState& state, std::chrono::milliseconds en_rise)
    : SimApplication(state, output_bytes_max), circuit_(en_rise), loader_(output_) {}

void SimEsp::power_on(SimTime) { boot(EspBoot::application); }

void SimEsp::host_lines_changed(SimTime now) {
    refill(now);
    circuit_.set_lines(state_.dtr, state_.rts, now);
    if (circuit_.in_reset()) {
        in_loader_ = false;
        output_.clear();  // a chip in reset sends nothing
    }
}

void SimEsp::receive(std::span<const std::byte> bytes, SimTime now) {
    refill(now);
    if (in_loader_) loader_.receive(bytes, state_.settings.baud);
}

void SimEsp::refill(SimTime now) {
    if (const auto mode = circuit_.settle(now)) boot(*mode);
}

line::Signals SimEsp::modem_lines(SimTime) const {
    // Such boards leave the inputs of the USB adapter unconnected.
    return line::Signals{state_.dtr, state_.rts, false, false, state_.dcd.value_or(false), state_.ri};
}

void SimEsp::boot(EspBoot boot) {
    in_loader_ = boot == EspBoot::download;
    loader_.reset();
    output_.clear();
    output_.push(in_loader_ ? download_log : application_log);
}

}  // namespace vserd::sim
