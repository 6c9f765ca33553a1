#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace vserd::port {

/// A port's counters. Written by the io thread, read by any (relaxed: a scrape needs no order between them).
struct PortStats {
    explicit PortStats(std::string port_name) : name(std::move(port_name)) {}

    const std::string name;
    std::atomic<bool> up{false};
    std::atomic<const char*> engine{""};  ///< a literal: that which served the device last
    std::atomic<std::uint32_t> baud{0};
    std::atomic<std::uint32_t> readers{0};
    std::atomic<bool> held_by_flow_control{false};  ///< bytes wait, and the device accepts none
    std::atomic<std::uint32_t> foreign_readers{0};  ///< processes besides vserd that have the device open for reading
    std::atomic<std::uint64_t> rx_bytes{0};
    std::atomic<std::uint64_t> tx_bytes{0};        ///< written to the device
    std::atomic<std::uint64_t> tx_queue_bytes{0};  ///< accepted and not yet written
    std::atomic<std::uint64_t> refused_bytes{0};   ///< sent by others while a client held the port exclusively
    std::atomic<std::uint64_t> gap_bytes{0};       ///< that readers were told they lost, summed over readers
    std::atomic<std::uint64_t> reopens{0};
    std::atomic<std::uint64_t> open_errors{0};
    std::atomic<std::uint64_t> read_errors{0};
    std::atomic<std::uint64_t> write_errors{0};
    std::atomic<std::uint64_t> line_frame_errors{0};
    std::atomic<std::uint64_t> line_parity_errors{0};
    std::atomic<std::uint64_t> line_overruns{0};
    std::atomic<std::uint64_t> line_breaks{0};
    std::atomic<std::uint64_t> logs_cut{0};  ///< the file of the log was cut short, and what it held is lost
};

/// Adds without a locked instruction: only the io thread writes these counters.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace vserd::port
