#pragma once

#include "sim/esp_loader.hpp"
#include "sim/esp_reset_circuit.hpp"
#include "sim/sim_application.hpp"

namespace vserd::sim {

/// The board of sim:esp: an ESP32 whose reset and boot mode depend on DTR and RTS. It boots an application that ignores what
/// it receives, or it waits in its ROM loader for programs such as esptool.
class SimEsp final : public SimApplication {
public:
    static constexpr std::size_t output_bytes_max = 4096;

    SimEsp(SimState& state, std::chrono::milliseconds en_rise);

    void power_on(SimTime now) override;
    std::size_t input_room() const noexcept override { return EspLoader::input_room(output_.room()); }
    void receive(std::span<const std::byte> bytes, SimTime now) override;
    void receive_break(SimTime) override {}
    void host_lines_changed(SimTime now) override;
    void refill(SimTime now) override;
    std::optional<SimTime> next_event() const override { return circuit_.reset_end(); }
    line::Signals modem_lines(SimTime now) const override;

private:
    void boot(EspBoot boot);

    EspResetCircuit circuit_;
    EspLoader loader_;
    bool in_loader_ = false;
};

}  // namespace vserd::sim
