#include "sim/sim_control.hpp"

#include "sim/sim_device.hpp"
#include "sim/simulator.hpp"

namespace vserd::sim {

std::optional<SimControl> SimControl::find(std::string_view id) {
    auto device = Simulator::instance().find(id);
    if (!device) return std::nullopt;
    return SimControl(std::move(device));
}

void SimControl::unplug(std::chrono::milliseconds away_for) { device_->unplug(away_for); }

void SimControl::plug() { device_->plug(); }

void SimControl::stall(std::chrono::milliseconds stalled_for) {
    device_->stall(stalled_for);
    Simulator::instance().poke(*device_);
}

void SimControl::set_faults(const SimFaults& faults) { device_->set_faults(faults); }

void SimControl::count_errors(const line::LineErrors& more) { device_->count_errors(more); }

void SimControl::force_dcd(std::optional<bool> on) { device_->force_dcd(on); }

void SimControl::set_ri(bool on) { device_->set_ri(on); }

void SimControl::hang(SimHang call) { device_->hang(call); }

}  // namespace vserd::sim
