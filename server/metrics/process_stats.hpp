#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vserd::metrics {

/// The kernel's values for this process.
struct ProcessStats {
    double cpu_seconds = 0;  ///< user and system
    std::uint64_t resident_bytes = 0;
    std::uint64_t virtual_bytes = 0;
    std::uint64_t threads = 0;
    double start_time_seconds = 0;  ///< since the epoch
    std::uint64_t open_fds = 0;
    std::uint64_t max_fds = 0;
};

/// The fields of /proc/PID/stat that are used here, in the kernel's units (proc(5)).
struct StatLine {
    std::uint64_t cpu_ticks = 0;
    std::uint64_t threads = 0;
    std::uint64_t start_ticks = 0;  ///< since boot
    std::uint64_t virtual_bytes = 0;
    std::uint64_t resident_pages = 0;

    friend bool operator==(const StatLine&, const StatLine&) = default;
};
/// Nothing if the text is not such a line. The command in it may hold any character, parentheses included.
std::optional<StatLine> parse_stat(std::string_view text);

/// Reads /proc. What cannot be read stays 0.
ProcessStats read_process_stats();

}  // namespace vserd::metrics
