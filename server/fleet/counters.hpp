#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vserd::fleet {

/// What the fleet thread asks of etcd.
enum class Op : std::uint8_t { authenticate, range, watch, lease, claim };
inline constexpr std::array<std::string_view, 5> op_names{"authenticate", "range", "watch", "lease", "claim"};

/// For the metrics. Written by the fleet thread; any thread reads them.
struct Counters {
    std::array<std::atomic<std::uint64_t>, op_names.size()> errors{};
    std::atomic<std::uint64_t> lease_losses{0};
    std::atomic<std::uint64_t> entries_ignored{0};
    std::atomic<std::uint64_t> relists{0};
    std::atomic<std::size_t> owned{0};
    std::atomic<std::size_t> conflict{0};
    std::atomic<std::size_t> pending{0};
    std::atomic<bool> up{false};
    std::atomic<bool> id_taken{false};

    void failed(Op op) noexcept { errors.at(static_cast<std::size_t>(op)).fetch_add(1, std::memory_order_relaxed); }
};

}  // namespace vserd::fleet
