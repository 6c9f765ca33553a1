#include "line/sim_device.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace vserd::line {
namespace {

using std::chrono::milliseconds;

/// A burst, as from the FIFO of a UART: longer means fewer wake-ups, shorter less delay under load.
constexpr milliseconds burst_length{10};
constexpr std::size_t burst_bytes_max = 1024;  // a quarter of the FIFO, so that a fast wire does not run dry
/// What a paced device accepts ahead of the wire: like a driver's ring, small enough that a change of speed is near.
constexpr std::size_t paced_fifo_bytes = 4096;
constexpr int paced_socket_bytes = 4096;
constexpr std::size_t unpaced_fifo_bytes = std::size_t{64} << 10;
constexpr std::size_t chunk_bytes_max = std::size_t{64} << 10;
/// The turns one unpaced device takes before the others get theirs.
constexpr int turns_max = 8;
constexpr std::byte xon{0x11};
constexpr std::byte xoff{0x13};

/// The end of a burst of that length. Long ones end on common ticks, so that many devices share one wake-up; the wire's
/// clock makes up for the delay. Short ones, the answer to a key pressed say, end on time.
SimTime coalesced(SimTime deadline, std::chrono::nanoseconds length) {
    using Tick = std::chrono::duration<std::int64_t, std::ratio<1, 200>>;
    return length < milliseconds(4) ? deadline : std::chrono::ceil<Tick>(deadline);
}

Result<std::array<io::Fd, 2>> make_socket_pair(bool unpaced) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        return errno_error("socket pair of a simulated device");
    }
    std::array<io::Fd, 2> pair = {io::Fd(ends[0]), io::Fd(ends[1])};
    if (!unpaced) ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &paced_socket_bytes, sizeof paced_socket_bytes);
    return pair;
}

void keep_data_bits(std::vector<std::byte>& bytes, std::uint8_t data_bits) {
    if (data_bits == 8) return;
    const std::byte mask{static_cast<unsigned char>((1U << data_bits) - 1)};
    for (auto& byte : bytes) byte &= mask;
}

Error unplugged(SimTime now, SimTime until) {
    std::string message = "the simulated device is unplugged";
    const auto left = std::chrono::duration_cast<milliseconds>(until - now);
    if (left > milliseconds(0) && left <= std::chrono::hours(1)) {
        message += " and back in " + std::to_string(left.count()) + " ms";
    }
    return Error{Failure::io, ENODEV, "device", std::move(message)};
}

}  // namespace

SimDevice::SimDevice(SimSpec spec, std::uint64_t number)
    : spec_(std::move(spec)),
      number_(number),
      open_fails_left_(spec_.open_fails),
      random_state_(spec_.seed),
      from_host_(spec_.unpaced ? unpaced_fifo_bytes : paced_fifo_bytes) {
    state_.faults = spec_.faults;
    application_ = spec_.model == SimModel::echo
                       ? make_sim_echo(state_, spec_.unpaced ? unpaced_fifo_bytes : paced_fifo_bytes)
                       : make_sim_console(state_, spec_.unpaced);
}

Result<io::Fd> SimDevice::connect(const Settings& settings) {
    const std::scoped_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (device_end_)
        return Error{Failure::io, EBUSY, "device", "the simulated device '" + spec_.id + "' is already open"};
    if (away(now)) return unplugged(now, away_until_);
    if (open_fails_left_ > 0) {
        --open_fails_left_;
        return Error{Failure::io, ENODEV, "device", "the simulated device was told to fail this open"};
    }
    auto pair = make_socket_pair(spec_.unpaced);
    if (!pair) return pair.error();
    device_end_ = std::move((*pair)[1]);
    hung_up_ = readable_ = blocked_ = break_on_ = host_said_xoff_ = false;
    sent_bytes_ = 0;
    errors_ = {};
    from_host_.clear();
    to_host_.clear();
    state_.settings = settings;
    state_.dtr = state_.rts = true;  // as the kernel raises them at open
    if (!std::exchange(powered_, true)) application_->power_on(now);
    return std::move((*pair)[0]);
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

Result<Settings> SimDevice::apply(const Settings& settings) {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    state_.settings = settings;
    if (settings.format.flow_control != FlowControl::xon_xoff) host_said_xoff_ = false;
    // What is on the wire starts anew at the new speed; otherwise the time so far would count at it.
    to_application_clock_.stop();
    to_host_clock_.stop();
    return settings;
}

Result<Settings> SimDevice::settings() const {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    return state_.settings;
}

Result<LineStatus> SimDevice::status() const {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    return LineStatus{application_->wires(std::chrono::steady_clock::now()), errors_};
}

Result<Signals> SimDevice::set_signals(const SignalChange& change) {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    state_.dtr = change.dtr.value_or(state_.dtr);
    state_.rts = change.rts.value_or(state_.rts);
    return application_->wires(std::chrono::steady_clock::now());
}

Result<void> SimDevice::set_break(bool on) {
    const std::scoped_lock lock(mutex_);
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    if (on && !break_on_) {
        application_->receive_break(std::chrono::steady_clock::now());
        if (spec_.model == SimModel::echo) ++errors_.breaks;  // the loop returns a break like any other level
    }
    break_on_ = on;
    return {};
}

Result<void> SimDevice::flush(FlushDirection direction, int host_fd) {
    const std::scoped_lock lock(mutex_);  // held throughout, so that the device adds nothing meanwhile
    if (const auto plugged = check_plugged(); !plugged) return plugged.error();
    std::array<std::byte, 4096> discarded{};
    const auto empty = [&discarded](int fd) {
        while (::recv(fd, discarded.data(), discarded.size(), MSG_DONTWAIT) > 0) continue;
    };
    if (direction != FlushDirection::output) {
        to_host_.clear();
        empty(host_fd);
    }
    if (direction != FlushDirection::input) {
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

void SimDevice::count_errors(const LineErrors& more) {
    const std::scoped_lock lock(mutex_);
    errors_ = {errors_.frame + more.frame, errors_.parity + more.parity, errors_.overrun + more.overrun,
               errors_.breaks + more.breaks};
}

void SimDevice::hang_up(SimTime now, milliseconds away_for) {
    away_until_ = now + away_for;
    from_host_.clear();
    to_host_.clear();
    if (!device_end_ || hung_up_) return;
    hung_up_ = true;
    // The host reads what has arrived and then 0. Its end of the socket goes on taking writes, so that one which is
    // under way is lost as on a real cable, and raises no SIGPIPE.
    ::shutdown(device_end_.get(), SHUT_WR);
}

SimDevice::Next SimDevice::service(SimTime now, bool readable) {
    const std::scoped_lock lock(mutex_);
    if (!device_end_ || hung_up_) return {};
    readable_ = readable_ || readable;
    bool moved = true;
    for (int turn = 0; moved && turn < turns_max; ++turn) {
        take_from_host();
        moved = carry_to_application(now);
        moved = carry_to_host(now) || moved;
        if (state_.unplug_request && to_host_.empty() && application_->output().empty()) {
            hang_up(now, *std::exchange(state_.unplug_request, std::nullopt));
        }
        if (hung_up_) return {};
        moved = moved && spec_.unpaced;
    }
    Next next = plan(now);
    if (moved) next.deadline = now;  // there is more to do, after the other devices' turn
    return next;
}

void SimDevice::take_from_host() {
    std::array<std::byte, 8192> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv fills it
    while (readable_ && from_host_.room() > 0) {
        const std::size_t wanted = std::min(chunk.size(), from_host_.room());
        const auto got = ::recv(device_end_.get(), chunk.data(), wanted, MSG_DONTWAIT);
        const auto count = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        from_host_.push(std::span(chunk).first(count));
        readable_ = count == wanted;  // fewer means none left, or the host has closed; epoll tells of more
    }
}

bool SimDevice::held_to_application(SimTime now) const noexcept {
    return break_on_ || state_.stalled(now);
}

bool SimDevice::held_to_host(SimTime now) const noexcept {
    const bool not_ready = state_.settings.format.flow_control == FlowControl::rts_cts && !state_.rts;
    return not_ready || host_said_xoff_ || blocked_ || state_.stalled(now);
}

std::size_t SimDevice::due(WireClock& clock, SimTime now) const noexcept {
    return spec_.unpaced ? chunk_bytes_max : std::min(chunk_bytes_max, clock.due(now, character_time(state_.settings)));
}

bool SimDevice::carry_to_application(SimTime now) {
    const std::size_t room = application_->input_room();
    if (from_host_.empty() || room == 0 || held_to_application(now)) {
        to_application_clock_.stop();
        return false;
    }
    scratch_.resize(std::min({due(to_application_clock_, now), from_host_.size(), room}));
    if (scratch_.empty()) return false;
    from_host_.pop(scratch_);
    to_application_clock_.pass(scratch_.size(), character_time(state_.settings));
    keep_data_bits(scratch_, state_.settings.format.data_bits);
    filter_flow_control(scratch_);
    application_->receive(scratch_, now);
    take_from_host();
    if (from_host_.empty()) to_application_clock_.stop();
    return true;
}

bool SimDevice::carry_to_host(SimTime now) {
    application_->refill(now);
    ByteFifo& output = application_->output();
    const bool blocked = !to_host_.empty() && !send_to_host();
    if (blocked || output.empty() || held_to_host(now)) {
        to_host_clock_.stop();
        return false;
    }
    std::size_t count = std::min(due(to_host_clock_, now), output.size());
    if (spec_.unplug_after_bytes > 0) count = std::min<std::uint64_t>(count, spec_.unplug_after_bytes - sent_bytes_);
    if (count == 0) return false;
    to_host_.resize(count);
    output.pop(to_host_);
    to_host_clock_.pass(count, character_time(state_.settings));
    mistreat(to_host_);
    send_to_host();
    if (spec_.unplug_after_bytes > 0 && sent_bytes_ >= spec_.unplug_after_bytes) hang_up(now, spec_.unplug_for);
    application_->refill(now);
    if (output.empty()) to_host_clock_.stop();
    return true;
}

bool SimDevice::send_to_host() {
    const auto sent = ::send(device_end_.get(), to_host_.data(), to_host_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        to_host_.clear();  // the host has closed: nobody is there to hear it
        return true;
    }
    const auto count = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    sent_bytes_ += count;
    to_host_.erase(to_host_.begin(), to_host_.begin() + static_cast<std::ptrdiff_t>(count));
    blocked_ = !to_host_.empty();
    return !blocked_;
}

void SimDevice::filter_flow_control(std::vector<std::byte>& bytes) {
    if (state_.settings.format.flow_control != FlowControl::xon_xoff) return;
    for (const auto byte : bytes) {
        if (byte == xoff) host_said_xoff_ = true;
        if (byte == xon) host_said_xoff_ = false;
    }
    std::erase_if(bytes, [](std::byte byte) { return byte == xon || byte == xoff; });
}

void SimDevice::mistreat(std::vector<std::byte>& bytes) {
    keep_data_bits(bytes, state_.settings.format.data_bits);
    if (state_.faults.flip > 0) {
        const bool parity = state_.settings.format.parity != Parity::none;
        for (auto& byte : bytes) {
            if (random() >= state_.faults.flip) continue;
            byte ^= std::byte{
                static_cast<unsigned char>(1U << static_cast<unsigned>(random() * state_.settings.format.data_bits))};
            if (parity) ++errors_.parity;
        }
    }
    if (state_.faults.drop > 0) {
        errors_.overrun += std::erase_if(bytes, [this](std::byte) { return random() < state_.faults.drop; });
    }
}

double SimDevice::random() noexcept {
    // SplitMix64 (Steele, Lea, Flood 2014): small state, and every seed is a good one.
    std::uint64_t z = (random_state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ (z >> 31U)) >> 11U) * 0x1.0p-53;
}

SimDevice::Next SimDevice::plan(SimTime now) {
    Next next;
    const auto consider = [&next](SimTime time) {
        if (!next.deadline || time < *next.deadline) next.deadline = time;
    };
    const auto character = character_time(state_.settings);
    const auto burst = std::clamp<std::size_t>(static_cast<std::size_t>(burst_length / character), 1, burst_bytes_max);
    const auto consider_wire = [&](const WireClock& clock, std::size_t waiting) {
        const auto count = std::min(waiting, burst);
        if (clock.running()) consider(coalesced(clock.when(count, character), character * count));
    };
    consider_wire(to_application_clock_, from_host_.size());
    consider_wire(to_host_clock_, application_->output().size());
    const bool may_start = !from_host_.empty() && application_->input_room() > 0 && !held_to_application(now);
    if (may_start && !to_application_clock_.running()) consider(now);  // room came up behind the last carry
    if (state_.stalled(now)) {
        consider(state_.stalled_until);
    } else if (const auto event = application_->next_event()) {
        consider(*event);
    }
    next.wants_writable = blocked_;
    return next;
}

}  // namespace vserd::line
