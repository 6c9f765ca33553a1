#pragma once

#include <chrono>
#include <optional>

#include "sim/sim_application.hpp"

namespace vserd::sim {

/// What a chip does when its reset ends.
enum class EspBoot { application, download };

/// The two transistors that connect DTR and RTS to the pins EN and IO0 of most ESP boards, as in the schematic of
/// Espressif's DevKitC. RTS without DTR pulls EN low: the chip is in reset. DTR without RTS pulls IO0 low. Both lines
/// together, or neither, pull nothing.
///
/// A capacitor at EN delays the end of the reset by `en_rise`. Then the chip samples IO0: low selects download mode. So a
/// host that changes DTR and RTS one after the other must do both within that time, and must not release IO0 too early.
class EspResetCircuit {
public:
    /// With the usual 10 kOhm about 15 ms for each uF.
    explicit EspResetCircuit(std::chrono::milliseconds en_rise) : en_rise_(en_rise) {}

    /// The host has set its lines; true: asserted. Call settle() first, because a reset may have ended before.
    void set_lines(bool dtr, bool rts, SimTime now) noexcept;

    /// The boot that has begun by now, once.
    std::optional<EspBoot> settle(SimTime now) noexcept;

    bool in_reset() const noexcept { return en_pulled_low_ || en_high_at_; }
    std::optional<SimTime> reset_end() const noexcept { return en_high_at_; }  ///< unset: not in reset, or held there

private:
    std::chrono::milliseconds en_rise_;
    bool en_pulled_low_ = false;
    bool io0_low_ = false;
    std::optional<SimTime> en_high_at_;  // while the capacitor is charged
};

}  // namespace vserd::sim
