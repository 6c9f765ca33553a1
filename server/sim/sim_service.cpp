// How a simulated device moves its bytes: the simulator's thread calls service().

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ratio>
#include <utility>

#include "sim/sim_device.hpp"

namespace vserd::sim {
namespace {

using std::chrono::milliseconds;

/// The length of a burst, as from the FIFO of a UART. A longer burst needs fewer wake-ups; a shorter one has less delay.
constexpr milliseconds burst_length{10};
constexpr std::size_t burst_bytes_max = 1024;  // a quarter of the FIFO, so that a fast line does not run dry
constexpr std::size_t chunk_bytes_max = std::size_t{64} << 10;
/// How often to look whether the host has read what comes before an unplug.
constexpr milliseconds unplug_poll_interval{2};
/// How many turns one unpaced device takes before the other devices get theirs.
constexpr int turns_max = 8;
constexpr std::byte xon{0x11};
constexpr std::byte xoff{0x13};

/// The end of a burst of that length. Long bursts end on common ticks, so that many devices share one wake-up; the character
/// clock compensates for the delay. Short bursts, such as the echo of a key, end on time.
SimTime coalesced(SimTime deadline, std::chrono::nanoseconds length) {
    using Tick = std::chrono::duration<std::int64_t, std::ratio<1, 200>>;
    return length < milliseconds(4) ? deadline : std::chrono::ceil<Tick>(deadline);
}

void keep_data_bits(std::vector<std::byte>& bytes, std::uint8_t data_bits) {
    if (data_bits == 8) return;
    const std::byte mask{static_cast<unsigned char>((1U << data_bits) - 1)};
    for (auto& byte : bytes) byte &= mask;
}

}  // namespace

SimDevice::Next SimDevice::service(SimTime now, bool readable) {
    const std::scoped_lock lock(mutex_);
    if (!device_end_ || hung_up_) return {};
    readable_ = readable_ || readable;
    bool moved = true;
    for (int turn = 0; moved && turn < turns_max; ++turn) {
        take_from_host();
        moved = carry_to_application(now);
        moved = carry_to_host(now) || moved;
        errors_ += std::exchange(state_.counted, {});
        if (state_.unplug_request && is_drained()) {
            hang_up(now, *std::exchange(state_.unplug_request, std::nullopt));
        }
        if (hung_up_) return {};
        moved = moved && spec_.unpaced;
    }
    Next next = plan(now);
    if (moved) next.deadline = now;  // there is more to do, after the other devices' turn
    return next;
}

/// Everything has been sent, and of a replay the host has read it too: it may still be opening the device.
bool SimDevice::is_drained() const noexcept {
    if (!to_host_.empty() || !application_->output().empty()) return false;
    int unread_bytes = 0;
    return spec_.model != SimModel::replay || ::ioctl(device_end_.get(), SIOCOUTQ, &unread_bytes) != 0 ||
           unread_bytes == 0;
}

void SimDevice::take_from_host() {
    std::array<std::byte, 8192> chunk;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv fills it
    while (readable_ && from_host_.room() > 0) {
        const std::size_t wanted = std::min(chunk.size(), from_host_.room());
        const auto got = ::recv(device_end_.get(), chunk.data(), wanted, MSG_DONTWAIT);
        const auto count = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
        from_host_.push(std::span(chunk).first(count));
        readable_ = count == wanted;  // fewer: no more now, or the host has closed; epoll reports new bytes
    }
}

bool SimDevice::held_to_application(SimTime now) const noexcept {
    const bool rts_cts = state_.settings.format.flow_control == line::FlowControl::rts_cts;
    return break_on_ || state_.stalled(now) || (rts_cts && !application_->modem_lines(now).cts);
}

bool SimDevice::held_to_host(SimTime now) const noexcept {
    const bool not_ready = state_.settings.format.flow_control == line::FlowControl::rts_cts && !state_.rts;
    return not_ready || host_said_xoff_ || blocked_ || state_.stalled(now);
}

std::size_t SimDevice::due(CharacterClock& clock, SimTime now) const noexcept {
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
        to_host_.clear();  // the host has closed: these bytes are lost
        return true;
    }
    const auto count = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    sent_bytes_ += count;
    to_host_.erase(to_host_.begin(), to_host_.begin() + static_cast<std::ptrdiff_t>(count));
    blocked_ = !to_host_.empty();
    return !blocked_;
}

void SimDevice::filter_flow_control(std::vector<std::byte>& bytes) {
    if (state_.settings.format.flow_control != line::FlowControl::xon_xoff) return;
    for (const auto byte : bytes) {
        if (byte == xoff) host_said_xoff_ = true;
        if (byte == xon) host_said_xoff_ = false;
    }
    std::erase_if(bytes, [](std::byte byte) { return byte == xon || byte == xoff; });
}

void SimDevice::mistreat(std::vector<std::byte>& bytes) {
    keep_data_bits(bytes, state_.settings.format.data_bits);
    if (state_.faults.flip > 0) {
        const bool parity = state_.settings.format.parity != line::Parity::none;
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
    // SplitMix64 (Steele, Lea, Flood 2014): small state, and all seeds are good.
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
    const auto consider_line = [&](const CharacterClock& clock, std::size_t waiting) {
        const auto count = std::min(waiting, burst);
        if (clock.running()) consider(coalesced(clock.when(count, character), character * count));
    };
    consider_line(to_application_clock_, from_host_.size());
    consider_line(to_host_clock_, application_->output().size());
    const bool may_start = !from_host_.empty() && application_->input_room() > 0 && !held_to_application(now);
    if (may_start && !to_application_clock_.running()) consider(now);  // the last carry made room
    if (state_.stalled(now)) {
        consider(state_.stalled_until);
    } else if (const auto event = application_->next_event()) {
        consider(*event);
    }
    if (state_.unplug_request) consider(now + unplug_poll_interval);
    next.wants_writable = blocked_;
    return next;
}

}  // namespace vserd::sim
