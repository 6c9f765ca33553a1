#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>

#include "line/settings.hpp"
#include "sim/byte_fifo.hpp"
#include "sim/sim_spec.hpp"

namespace vserd::sim {

using SimTime = std::chrono::steady_clock::time_point;

/// The state that a simulated device and its cable share. Guarded by the device's mutex.
struct SimState {
    line::Settings settings;  ///< of the host's end; the device uses the same
    bool dtr = false;         ///< the host controls dtr and rts
    bool rts = false;
    std::optional<bool> dcd;  ///< forced by a test; unset: as the application connects it
    bool ri = false;
    SimFaults faults;
    SimTime stalled_until{};                                  ///< until then no bytes move, and CTS is off
    line::LineErrors counted;                                 ///< to count as errors of the line, as soon as possible
    std::optional<std::chrono::milliseconds> unplug_request;  ///< unplug for this long, as soon as possible

    bool stalled(SimTime now) const noexcept { return now < stalled_until; }
};

/// What a simulated device does with the bytes that it receives: the far end of the cable.
///
/// Called with the device's mutex held, mostly on the simulator's thread. Must not block.
class SimApplication {
public:
    virtual ~SimApplication() = default;
    /// The host opens the device. An error is that of the open.
    virtual Result<void> prepare() { return {}; }
    virtual void power_on(SimTime now) = 0;
    virtual std::size_t input_room() const noexcept = 0;
    virtual void receive(std::span<const std::byte> bytes, SimTime now) = 0;  ///< at most input_room()
    virtual void receive_break(SimTime now) = 0;
    virtual void host_lines_changed(SimTime) {}                ///< the host has set DTR and RTS, both at once or one
    virtual void refill(SimTime now) = 0;                      ///< adds the bytes due by now to output()
    virtual std::optional<SimTime> next_event() const = 0;     ///< when refill() will have more without further input
    virtual line::Signals modem_lines(SimTime now) const = 0;  ///< all six, as the host sees them

    ByteFifo& output() noexcept { return output_; }

protected:
    SimApplication(SimState& state, std::size_t output_bytes) : state_(state), output_(output_bytes) {}

    SimState& state_;  // outlives the application: both belong to the device
    ByteFifo output_;
};

/// A loopback plug: returns every byte; RTS is connected to CTS, and DTR to DSR and DCD.
std::unique_ptr<SimApplication> make_sim_echo(SimState& state, std::size_t buffer_bytes);

/// A small computer: a boot log, then a prompt.
std::unique_ptr<SimApplication> make_sim_console(SimState& state, bool unpaced);

/// Sends what the device of a capture has sent, at the times of the capture.
std::unique_ptr<SimApplication> make_sim_replay(SimState& state, const SimReplaySpec& spec);

/// An ESP32 on a board: a boot log, or its ROM loader if DTR and RTS select it.
std::unique_ptr<SimApplication> make_sim_esp(SimState& state, std::chrono::milliseconds en_rise);

}  // namespace vserd::sim
