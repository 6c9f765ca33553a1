#include "sim/sim_line.hpp"

#include <fmt/core.h>

#include "sim/sim_device.hpp"
#include "sim/sim_spec.hpp"
#include "sim/simulator.hpp"

namespace vserd::sim {

Result<std::unique_ptr<line::Line>> SimLine::open(std::string_view device, const line::ValidSettings& settings) {
    const auto spec = parse_sim_spec(device);
    if (!spec) return spec.error();
    auto simulated = Simulator::instance().device_for(*spec);
    if (!simulated) return simulated.error();
    (*simulated)->hang_at(SimHang::open);
    auto fd = (*simulated)->connect(settings);
    if (!fd) {
        auto error = fd.error();
        error.message = fmt::format("{}: {}", device, error.message);
        return error;
    }
    if (const auto attached = Simulator::instance().attach(*simulated); !attached) {
        (*simulated)->disconnect();
        return attached.error();
    }
    return std::unique_ptr<line::Line>(new SimLine(*std::move(simulated), *std::move(fd)));
}

SimLine::~SimLine() {
    device_->hang_at(SimHang::close);
    Simulator::instance().detach(*device_);
    device_->disconnect();
}

line::Capabilities SimLine::capabilities() const noexcept {
    return line::Capabilities{.baud = true,
                              .format = true,
                              .flow_control = true,
                              .modem_signals = true,
                              .send_break = true,
                              .flush = true,
                              .error_counters = true};
}

Result<line::Settings> SimLine::apply(const line::ValidSettings& wanted) {
    auto applied = device_->apply(wanted);
    Simulator::instance().poke(*device_);
    return applied;
}

Result<line::Settings> SimLine::read_back() { return device_->settings(); }

Result<line::LineStatus> SimLine::status() { return device_->status(); }

Result<line::Signals> SimLine::set_signals(const line::SignalChange& change) {
    device_->hang_at(SimHang::signals);
    auto signals = device_->set_signals(change);
    Simulator::instance().poke(*device_);
    return signals;
}

Result<void> SimLine::begin_break(std::chrono::milliseconds /*duration*/) { return hold_break(true); }

Result<void> SimLine::end_break() { return hold_break(false); }

Result<void> SimLine::hold_break(bool on) {
    auto done = device_->set_break(on);
    Simulator::instance().poke(*device_);
    return done;
}

Result<void> SimLine::flush(line::FlushDirection direction) {
    auto done = device_->flush(direction, fd_.get());
    Simulator::instance().poke(*device_);
    return done;
}

Result<std::uint64_t> SimLine::output_pending_bytes() { return device_->output_pending_bytes(); }

}  // namespace vserd::sim
