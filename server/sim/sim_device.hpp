#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "line/line.hpp"
#include "sim/character_clock.hpp"
#include "sim/sim_application.hpp"
#include "sim/sim_spec.hpp"

namespace vserd::sim {

/// A simulated device: an application at the far end of a cable with a limited speed and possible faults. The near end is a
/// socket pair; the host has one of its descriptors.
///
/// Any thread; guarded by its own mutex. The simulator's thread moves the bytes in service(). After a change on another
/// thread, call Simulator::poke().
class SimDevice {
public:
    explicit SimDevice(SimSpec spec, std::uint64_t number);

    std::uint64_t number() const noexcept { return number_; }  ///< unique in this process
    const SimSpec& spec() const noexcept { return spec_; }

    /// Connects the host and returns its descriptor. The first call powers the device up. ENODEV while the device is
    /// unplugged, EBUSY while another line has it open.
    Result<base::Fd> connect(const line::Settings& settings);
    void disconnect();
    int device_fd() const;  ///< the simulator's end, -1 while not connected

    /// Returns late if the device is set to hang there. Never on the io thread.
    void hang_at(SimHang call) const;

    // As in Line. ENODEV after the device was unplugged.
    Result<line::Settings> apply(const line::Settings& settings);
    Result<line::Settings> settings() const;
    Result<line::LineStatus> status() const;
    Result<line::Signals> set_signals(const line::SignalChange& change);
    Result<void> set_break(bool on);
    Result<void> flush(line::FlushDirection direction, int host_fd);
    Result<std::uint64_t> output_pending_bytes() const;

    // As in SimControl.
    void unplug(std::chrono::milliseconds away_for);
    void plug();
    void stall(std::chrono::milliseconds stalled_for);
    void set_faults(const SimFaults& faults);
    void force_dcd(std::optional<bool> on);
    void set_ri(bool on);
    void count_errors(const line::LineErrors& more);
    void hang(SimHang call);

    /// What the simulator's thread waits for.
    struct Next {
        std::optional<SimTime> deadline;
        bool wants_writable = false;  ///< the host does not read; continue when its descriptor has room
    };
    Next service(SimTime now, bool readable);

private:
    bool away(SimTime now) const noexcept { return now < away_until_; }
    Result<void> check_plugged() const;
    void hang_up(SimTime now, std::chrono::milliseconds away_for);
    bool is_drained() const noexcept;
    void take_from_host();
    bool carry_to_application(SimTime now);
    bool carry_to_host(SimTime now);
    bool held_to_application(SimTime now) const noexcept;
    bool held_to_host(SimTime now) const noexcept;
    std::size_t due(CharacterClock& clock, SimTime now) const noexcept;
    void mistreat(std::vector<std::byte>& bytes);
    void filter_flow_control(std::vector<std::byte>& bytes);
    bool send_to_host();
    Next plan(SimTime now);
    double random() noexcept;

    SimSpec spec_;  // never changes, like number_
    std::uint64_t number_;

    mutable std::mutex mutex_;  // guards all members below
    mutable std::condition_variable hang_changed_;
    SimHang hangs_;
    SimState state_;
    std::unique_ptr<SimApplication> application_;
    line::LineErrors errors_;  // since open
    base::Fd device_end_;
    bool powered_ = false;
    bool hung_up_ = false;   // the host still has its end of a closed connection
    bool readable_ = false;  // the host may have written: no EAGAIN yet
    bool blocked_ = false;   // the host does not read: EAGAIN
    bool break_on_ = false;
    bool host_said_xoff_ = false;
    SimTime away_until_{};
    std::uint32_t open_fails_left_ = 0;
    std::uint64_t sent_bytes_ = 0;  // to the host since open
    std::uint64_t random_state_ = 0;
    ByteFifo from_host_;              // accepted, not sent yet
    std::vector<std::byte> to_host_;  // arrived, not yet accepted by the host's descriptor
    std::vector<std::byte> scratch_;
    CharacterClock to_application_clock_;
    CharacterClock to_host_clock_;
};

}  // namespace vserd::sim
