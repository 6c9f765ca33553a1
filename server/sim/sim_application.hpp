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

/// What a simulated device and the wire before it share. Guarded by the device's mutex.
struct SimState {
    line::Settings settings;  ///< of the host's end; the device follows them
    bool dtr = false;         ///< driven by the host, as is rts
    bool rts = false;
    std::optional<bool> dcd;  ///< forced by a test; otherwise the application's wiring
    bool ri = false;
    SimFaults faults;
    SimTime stalled_until{};                                  ///< until then nothing moves, and CTS is off
    std::optional<std::chrono::milliseconds> unplug_request;  ///< pull the plug for this long, as soon as possible

    bool stalled(SimTime now) const noexcept { return now < stalled_until; }
};

/// What a simulated device does with the bytes that it gets: the far end of the wire.
///
/// Called with the device's mutex held, mostly on the simulator's thread; must not block.
class SimApplication {
public:
    virtual ~SimApplication() = default;
    virtual void power_on(SimTime now) = 0;
    virtual std::size_t input_room() const noexcept = 0;
    virtual void receive(std::span<const std::byte> bytes, SimTime now) = 0;  ///< at most input_room()
    virtual void receive_break(SimTime now) = 0;
    virtual void refill(SimTime now) = 0;                   ///< puts what it has to say by now into output()
    virtual std::optional<SimTime> next_event() const = 0;  ///< when refill() will have more, without any input
    virtual line::Signals wires(SimTime now) const = 0;     ///< all six, as the host sees them

    ByteFifo& output() noexcept { return output_; }

protected:
    SimApplication(SimState& state, std::size_t output_bytes) : state_(state), output_(output_bytes) {}

    SimState& state_;  // outlives the application: both belong to the device
    ByteFifo output_;
};

/// A plug that returns every byte, with RTS wired to CTS and DTR to DSR and DCD.
std::unique_ptr<SimApplication> make_sim_echo(SimState& state, std::size_t buffer_bytes);

/// A small computer: a boot log, then a prompt.
std::unique_ptr<SimApplication> make_sim_console(SimState& state, bool unpaced);

}  // namespace vserd::sim
