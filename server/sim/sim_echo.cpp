#include "sim/sim_application.hpp"

namespace vserd::sim {
namespace {

class SimEcho final : public SimApplication {
public:
    SimEcho(SimState& state, std::size_t buffer_bytes) : SimApplication(state, buffer_bytes) {}

    void power_on(SimTime) override {}
    std::size_t input_room() const noexcept override { return output_.room(); }
    void receive(std::span<const std::byte> bytes, SimTime) override { output_.push(bytes); }
    void receive_break(SimTime) override {}
    void refill(SimTime) override {}
    std::optional<SimTime> next_event() const override { return std::nullopt; }
    line::Signals modem_lines(SimTime now) const override {
        const bool dcd = state_.dcd.value_or(state_.dtr);
        return line::Signals{state_.dtr, state_.rts, state_.rts && !state_.stalled(now), state_.dtr, dcd, state_.ri};
    }
};

}  // namespace

std::unique_ptr<SimApplication> make_sim_echo(SimState& state, std::size_t buffer_bytes) {
    return std::make_unique<SimEcho>(state, buffer_bytes);
}

}  // namespace vserd::sim
