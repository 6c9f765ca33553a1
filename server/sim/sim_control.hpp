#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

#include "line/settings.hpp"
#include "sim/sim_spec.hpp"

namespace vserd::sim {

class SimDevice;

/// Controls a simulated device and its cable, for tests in the same process. Any thread.
class SimControl {
public:
    static constexpr std::chrono::milliseconds for_good = std::chrono::hours(24 * 365);

    /// The device of "sim:...?id=ID"; nothing before its first open.
    static std::optional<SimControl> find(std::string_view id);

    void unplug(std::chrono::milliseconds away_for = for_good);  ///< hangs up; opens fail with ENODEV meanwhile
    void plug();                                                 ///< the next open succeeds again
    void stall(std::chrono::milliseconds stalled_for);           ///< no bytes move in either direction; zero ends it
    void set_faults(const SimFaults& faults);
    void count_errors(const line::LineErrors& more);  ///< as if the host's driver had counted them
    void force_dcd(std::optional<bool> on);           ///< nullopt: as the device connects it
    void set_ri(bool on);
    void hang(SimHang call);  ///< this call does not return until the next hang(); none: all calls return

private:
    explicit SimControl(std::shared_ptr<SimDevice> device) : device_(std::move(device)) {}

    std::shared_ptr<SimDevice> device_;  // shared with its line and the simulator
};

}  // namespace vserd::sim
