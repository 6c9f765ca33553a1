#include "sim/esp_reset_circuit.hpp"

namespace vserd::sim {

void EspResetCircuit::set_lines(bool dtr, bool rts, SimTime now) noexcept {
    const bool was_pulled_low = en_pulled_low_;
    en_pulled_low_ = rts && !dtr;
    io0_low_ = dtr && !rts;
    if (en_pulled_low_) {
        en_high_at_.reset();  // a transistor discharges the capacitor at once
    } else if (was_pulled_low) {
        en_high_at_ = now + en_rise_;
    }
}

std::optional<EspBoot> EspResetCircuit::settle(SimTime now) noexcept {
    if (!en_high_at_ || now < *en_high_at_) return std::nullopt;
    en_high_at_.reset();
    return io0_low_ ? EspBoot::download : EspBoot::application;
}

}  // namespace vserd::sim
