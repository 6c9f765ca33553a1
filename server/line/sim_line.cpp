#include "line/sim_line.hpp"

#include "line/sim_device.hpp"
#include "line/sim_spec.hpp"
#include "line/simulator.hpp"

namespace vserd::line {

Result<std::unique_ptr<Line>> SimLine::open(std::string_view device, const Settings& settings) {
    const auto spec = parse_sim_spec(device);
    if (!spec) return spec.error();
    auto simulated = Simulator::instance().device_for(*spec);
    if (!simulated) return simulated.error();
    (*simulated)->hang_at(SimHang::open);
    auto fd = (*simulated)->connect(settings);
    if (!fd) {
        auto error = fd.error();
        error.message = std::string(device) + ": " + error.message;
        return error;
    }
    if (const auto attached = Simulator::instance().attach(*simulated); !attached) {
        (*simulated)->disconnect();
        return attached.error();
    }
    return std::unique_ptr<Line>(new SimLine(*std::move(simulated), *std::move(fd)));
}

SimLine::~SimLine() {
    device_->hang_at(SimHang::close);
    Simulator::instance().detach(*device_);
    device_->disconnect();
}

Capabilities SimLine::capabilities() const noexcept {
    return Capabilities{.baud = true,
                        .format = true,
                        .flow_control = true,
                        .modem_signals = true,
                        .send_break = true,
                        .flush = true,
                        .error_counters = true};
}

Result<Settings> SimLine::apply(const Settings& wanted) {
    const auto valid = with_change(wanted, {});
    if (!valid) return valid.error();
    auto applied = device_->apply(*valid);
    Simulator::instance().poke(*device_);
    return applied;
}

Result<Settings> SimLine::read_back() { return device_->settings(); }

Result<LineStatus> SimLine::status() { return device_->status(); }

Result<Signals> SimLine::set_signals(const SignalChange& change) {
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

Result<void> SimLine::flush(FlushDirection direction) {
    auto done = device_->flush(direction, fd_.get());
    Simulator::instance().poke(*device_);
    return done;
}

Result<std::uint64_t> SimLine::output_pending_bytes() { return device_->output_pending_bytes(); }

}  // namespace vserd::line
