#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vserd::sim {

/// Faults of the simulated cable for bytes to the host: probabilities for each byte, 0 to 1.
struct SimFaults {
    double drop = 0;  ///< the byte is lost; counts as an overrun
    double flip = 0;  ///< one bit is inverted; counts as a parity error when the format has parity
};

/// The call in which the driver of a simulated device hangs, like a bad driver: it returns late.
enum class SimHang : std::uint8_t { none, open, signals, close };

enum class SimModel : std::uint8_t { echo, console, esp, replay };

/// Of sim:replay.
struct SimReplaySpec {
    std::string file;  ///< a capture
    double speed = 1;  ///< how many seconds of the capture pass in one; 0: as fast as the host reads
    bool loop = false;
};

/// A parsed device string: "sim:echo", "sim:console?id=lab&drop=0.01&seed=7". README.md describes it.
struct SimSpec {
    SimModel model = SimModel::echo;
    std::string id;        ///< a device that keeps its state between opens; empty: a new device for each open
    bool unpaced = false;  ///< bytes take no time
    SimFaults faults;
    std::uint64_t seed = 1;                      ///< of the fault generator: the same seed gives the same faults
    std::uint64_t unplug_after_bytes = 0;        ///< sent to the host since open; 0: never
    std::chrono::milliseconds unplug_for{1000};  ///< how long it then stays unplugged
    std::chrono::milliseconds en_rise{20};       ///< of sim:esp: how long a capacitor delays the end of its reset
    std::uint32_t open_fails = 0;                ///< how many opens fail with ENODEV at first
    SimReplaySpec replay;
    SimHang hangs = SimHang::none;
    std::chrono::milliseconds hang_for{std::chrono::hours(1)};  ///< how long each such call takes
};

/// Failure::invalid_argument with subject "device" and a message that names the parameter.
Result<SimSpec> parse_sim_spec(std::string_view device);

/// As base::parse_duration(), at most an hour.
Result<std::chrono::milliseconds> parse_sim_duration(std::string_view text);

/// A probability, "0" to "1".
Result<double> parse_sim_rate(std::string_view text);

}  // namespace vserd::sim
