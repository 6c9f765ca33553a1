#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vserd::sim {

/// How the simulated wire mistreats the bytes that go to the host: probabilities per byte, 0 to 1.
struct SimFaults {
    double drop = 0;  ///< the byte is lost; counts as an overrun
    double flip = 0;  ///< one bit is inverted; counts as a parity error when the format has parity
};

/// Where the driver of a simulated device hangs, as a bad one does: the call returns late.
enum class SimHang : std::uint8_t { none, open, signals, close };

enum class SimModel : std::uint8_t { echo, console };

/// What a device string asks for: "sim:echo", "sim:console?id=lab&drop=0.01&seed=7". README.md is the manual.
struct SimSpec {
    SimModel model = SimModel::echo;
    std::string id;        ///< names one device that keeps its state from open to open; empty: a device of its own
    bool unpaced = false;  ///< bytes take no time
    SimFaults faults;
    std::uint64_t seed = 1;                      ///< of the fault generator: the same seed, the same faults
    std::uint64_t unplug_after_bytes = 0;        ///< sent to the host since open; 0: never
    std::chrono::milliseconds unplug_for{1000};  ///< how long it stays away then
    std::uint32_t open_fails = 0;                ///< the first opens that fail with ENODEV
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
