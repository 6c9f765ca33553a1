#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace vserd::port {

/// A port's counters. The io thread writes them, any thread may read them (relaxed: a scrape needs no order between them).
struct PortStats {
    explicit PortStats(std::string port_name) : name(std::move(port_name)) {}

    const std::string name;
    std::atomic<bool> up{false};
    std::atomic<const char*> engine{""};  ///< a literal; the engine that last served the device
    std::atomic<std::uint32_t> baud{0};
    std::atomic<std::uint32_t> readers{0};
    std::atomic<bool> lease_held{false};            ///< by one client; others may not write
    std::atomic<bool> held_by_flow_control{false};  ///< bytes wait because the device accepts none
    std::atomic<std::uint32_t> foreign_readers{0};  ///< other processes that have the device open for reading
    std::atomic<std::uint64_t> rx_bytes{0};
    std::atomic<std::uint64_t> tx_bytes{0};        ///< written to the device
    std::atomic<std::uint64_t> tx_queue_bytes{0};  ///< accepted and not yet written
    std::atomic<std::uint64_t> refused_bytes{0};   ///< rejected because another client had exclusive access
    std::atomic<std::uint64_t> gap_bytes{0};       ///< reported to readers as lost, summed over readers
    std::atomic<std::uint64_t> reopens{0};
    std::atomic<std::uint64_t> open_errors{0};
    std::atomic<std::uint64_t> read_errors{0};
    std::atomic<std::uint64_t> write_errors{0};
    std::atomic<std::uint64_t> line_frame_errors{0};
    std::atomic<std::uint64_t> line_parity_errors{0};
    std::atomic<std::uint64_t> line_overruns{0};
    std::atomic<std::uint64_t> line_breaks{0};
    // Of the archive, if there is one.
    std::atomic<std::uint64_t> archive_unsynced_bytes{0};  ///< written, but a power loss would cost them
    std::atomic<std::uint64_t> archive_gap_bytes{0};       ///< missing in the archive
    std::atomic<std::uint64_t> archive_tx_lost_bytes{0};   ///< sent, and not recorded although they should be
    std::atomic<std::uint64_t> archive_unused_offsets{0};  ///< in gaps that a crash left
    std::atomic<std::uint64_t> archive_bytes{0};           ///< on the disk
    std::atomic<std::int64_t> archive_oldest_s{0};         ///< time of the oldest record; 0: unknown
    std::atomic<std::uint64_t> logs_cut{0};                ///< the log's file was truncated, and its bytes are lost
};

/// Adds without a locked instruction, because only the io thread writes these counters.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace vserd::port
