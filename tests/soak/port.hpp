#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "support/write_account.hpp"

namespace vserd::soak {

enum class PortKind {
    pty,   ///< its device sends by sent_bytes() and keeps account of what it gets
    echo,  ///< simulated: sends what it gets
    guest  ///< as pty, until a reload removes it; the next of the same name is another port
};

/// What is known of one port of the daemon at both of its ends. Any thread.
struct Port {
    Port(std::string port_name, std::string device_path, PortKind port_kind, std::uint64_t port_seed)
        : name(std::move(port_name)), device(std::move(device_path)), kind(port_kind), seed(port_seed) {}

    const std::string name;
    const std::string device;  ///< as configured; no other port ever has it
    const PortKind kind;
    const std::uint64_t seed;

    test::WriteAccount writes;
    std::atomic<std::uint64_t> gap_bytes_told = 0;

    // What readers that never stop are told. There are two: the device does not run away from either.
    enum Steady : std::size_t { attached, collecting };
    void delivered(Steady who, std::uint64_t offset) { delivered_[who] = offset; }
    std::uint64_t delivered_to(Steady who) const { return delivered_[who]; }
    std::uint64_t delivered_to_all() const { return std::min(delivered_[0].load(), delivered_[1].load()); }

    void came_online();
    void went_offline(std::uint64_t offset);
    bool is_online() const;
    /// Where its log stood when its device went away; nothing if that was not told in time.
    std::optional<std::uint64_t> wait_until_offline() const;
    bool wait_until_online() const;

private:
    bool wait_until(bool online) const;

    std::array<std::atomic<std::uint64_t>, 2> delivered_{};
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool online_ = false;
    std::uint64_t offline_at_ = 0;
};

}  // namespace vserd::soak
