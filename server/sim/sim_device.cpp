#include "sim/sim_device.hpp"

#include <fmt/core.h>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace vserd::sim {
namespace {

using std::chrono::milliseconds;

/// How much a paced device accepts before it is sent: like a driver's ring, and small, so that a change of speed takes effect
/// soon.
constexpr std::size_t paced_fifo_bytes = 4096;
constexpr int paced_socket_bytes = 4096;
constexpr std::size_t unpaced_fifo_bytes = std::size_t{64} << 10;

Result<std::array<base::Fd, 2>> make_socket_pair(bool unpaced) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return errno_error("socket pair of a simulated device");
    }
    std::array<base::Fd, 2> pair = {base::Fd(ends[0]), base::Fd(ends[1])};
    if (!unpaced) ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &paced_socket_bytes, sizeof paced_socket_bytes);
    return pair;
}

Error unplugged(SimTime now, SimTime until) {
    std::string message = "the simulated device is unplugged";
    const auto left = std::chrono::duration_cast<milliseconds>(until - now);
    if (left > milliseconds(0) && left <= std::chrono::hours(1)) {
        message += fmt::format(" and back in {} ms", left.count());
    }
    return Error{Failure::io, ENODEV, "device", std::move(message)};
}

std::unique_ptr<SimApplication> make_application(const SimSpec& spec, SimState& state) {
    if (spec.model == SimModel::echo) return make_sim_echo(state, spec.unpaced ? unpaced_fifo_bytes : paced_fifo_bytes);
    if (spec.model == SimModel::console) return make_sim_console(state, spec.unpaced);
    if (spec.model == SimModel::replay) return make_sim_replay(state, spec.replay);
    return make_sim_esp(state, spec.en_rise);
}

}  // namespace

SimDevice::SimDevice(SimSpec spec, std::uint64_t number)
    : spec_(std::move(spec)),
      number_(number),
      hangs_(spec_.hangs),
      open_fails_left_(spec_.open_fails),
      random_state_(spec_.seed),
      from_host_(spec_.unpaced ? unpaced_fifo_bytes : paced_fifo_bytes) {
    state_.faults = spec_.faults;
    application_ = make_application(spec_, state_);
}

Result<base::Fd> SimDevice::connect(const line::Settings& settings) {
    const std::scoped_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (device_end_)
        return Error{Failure::io, EBUSY, "device", fmt::format("the simulated device '{}' is already open", spec_.id)};
    if (away(now)) return unplugged(now, away_until_);
    if (open_fails_left_ > 0) {
        --open_fails_left_;
        return Error{Failure::io, ENODEV, "device", "the simulated device is set to fail this open"};
    }
    if (auto prepared = application_->prepare(); !prepared) return prepared.error();
    auto pair = make_socket_pair(spec_.unpaced);
    if (!pair) return pair.error();
    device_end_ = std::move((*pair)[1]);
    hung_up_ = readable_ = blocked_ = break_on_ = host_said_xoff_ = false;
    sent_bytes_ = 0;
    errors_ = {};
    from_host_.clear();
    to_host_.clear();
    state_.settings = settings;
    state_.dtr = state_.rts = true;  // the kernel raises them at open
    if (!std::exchange(powered_, true)) application_->power_on(now);
    application_->host_lines_changed(now);
    return std::move((*pair)[0]);
}

void SimDevice::hang_at(SimHang call) const {
    std::unique_lock lock(mutex_);
    hang_changed_.wait_for(lock, spec_.hang_for, [&] { return hangs_ != call; });
}

void SimDevice::hang(SimHang call) {
    const std::scoped_lock lock(mutex_);
    hangs_ = call;
    hang_changed_.notify_all();
}

void SimDevice::disconnect() {
    const std::scoped_lock lock(mutex_);
    device_end_.reset();
    to_application_clock_.stop();
    to_host_clock_.stop();
}

int SimDevice::device_fd() const {
    const std::scoped_lock lock(mutex_);
    return device_end_.get();
}

Result<void> SimDevice::check_plugged() const {
    if (device_end_ && !hung_up_) return {};
    return unplugged(std::chrono::steady_clock::now(), away_until_);
}

Result<line::Settings> SimDevice::apply(const line::Settings& settings) {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    state_.settings = settings;
    if (settings.format.flow_control != line::FlowControl::xon_xoff) host_said_xoff_ = false;
    // The character being sent starts again, because the time that has passed was at the old speed.
    to_application_clock_.stop();
    to_host_clock_.stop();
    return settings;
}

Result<line::Settings> SimDevice::settings() const {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    return state_.settings;
}

Result<line::LineStatus> SimDevice::status() const {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    return line::LineStatus{application_->modem_lines(std::chrono::steady_clock::now()), errors_};
}

Result<line::Signals> SimDevice::set_signals(const line::SignalChange& change) {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    state_.dtr = change.dtr.value_or(state_.dtr);
    state_.rts = change.rts.value_or(state_.rts);
    const auto now = std::chrono::steady_clock::now();
    application_->host_lines_changed(now);
    return application_->modem_lines(now);
}

Result<void> SimDevice::set_break(bool on) {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    if (on && !break_on_) {
        application_->receive_break(std::chrono::steady_clock::now());
        if (spec_.model == SimModel::echo) ++errors_.breaks;  // a loopback plug returns breaks too
    }
    break_on_ = on;
    return {};
}

Result<void> SimDevice::flush(line::FlushDirection direction, int host_fd) {
    const std::scoped_lock lock(mutex_);  // held throughout, so that the device adds no bytes meanwhile
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    std::array<std::byte, 4096> discarded{};
    const auto empty = [&discarded](int fd) {
        while (::recv(fd, discarded.data(), discarded.size(), MSG_DONTWAIT) > 0) continue;
    };
    if (direction != line::FlushDirection::output) {
        to_host_.clear();
        empty(host_fd);
    }
    if (direction != line::FlushDirection::input) {
        from_host_.clear();
        empty(device_end_.get());
    }
    return {};
}

Result<std::uint64_t> SimDevice::output_pending_bytes() const {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    int in_socket_bytes = 0;
    if (::ioctl(device_end_.get(), FIONREAD, &in_socket_bytes) != 0) return errno_error("bytes not yet sent");
    return static_cast<std::uint64_t>(in_socket_bytes) + from_host_.size();
}

void SimDevice::unplug(milliseconds away_for) {
    const std::scoped_lock lock(mutex_);
    hang_up(std::chrono::steady_clock::now(), away_for);
}

void SimDevice::plug() {
    const std::scoped_lock lock(mutex_);
    away_until_ = {};
}

void SimDevice::stall(milliseconds stalled_for) {
    const std::scoped_lock lock(mutex_);
    state_.stalled_until = std::chrono::steady_clock::now() + stalled_for;
}

void SimDevice::set_faults(const SimFaults& faults) {
    const std::scoped_lock lock(mutex_);
    state_.faults = faults;
}

void SimDevice::force_dcd(std::optional<bool> on) {
    const std::scoped_lock lock(mutex_);
    state_.dcd = on;
}

void SimDevice::set_ri(bool on) {
    const std::scoped_lock lock(mutex_);
    state_.ri = on;
}

void SimDevice::count_errors(const line::LineErrors& more) {
    const std::scoped_lock lock(mutex_);
    errors_ += more;
}

void SimDevice::hang_up(SimTime now, milliseconds away_for) {
    away_until_ = now + away_for;
    from_host_.clear();
    to_host_.clear();
    if (!device_end_ || hung_up_) return;
    hung_up_ = true;
    // The host reads the bytes that have arrived and then 0. Its end of the socket still accepts writes, so that a write in
    // progress is lost, as on a real cable, and raises no SIGPIPE.
    ::shutdown(device_end_.get(), SHUT_WR);
}

}  // namespace vserd::sim
