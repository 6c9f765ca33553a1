#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "log/moment.hpp"

namespace vserd::archive {

/// What one port may keep. 0: unlimited.
struct RetentionLimits {
    std::chrono::nanoseconds age{0};
    std::uint64_t bytes = 0;  ///< on the disk

    friend bool operator==(const RetentionLimits&, const RetentionLimits&) = default;
};

/// Free space of the file system that the archive leaves to others: the larger one counts.
struct FreeSpaceLimit {
    std::uint64_t bytes = 0;
    double percent = 0;

    friend bool operator==(const FreeSpaceLimit&, const FreeSpaceLimit&) = default;
};

struct DiskSpace {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  ///< available without root's reserve
};

/// A segment on the disk, as retention sees it.
struct SegmentSize {
    std::uint64_t base = 0;
    std::uint64_t bytes = 0;                             ///< of its files
    std::optional<log::WallTime> newest = std::nullopt;  ///< of the last record; empty: unreadable
};

struct Removed {
    std::size_t segments = 0;
    std::uint64_t bytes = 0;
};

/// How many of the oldest segments the limits do not allow. The last segment always stays: it may be in use. A segment is at most
/// as old as one before it, whatever the clock was when it was written. One with a time in the future goes when a newer
/// one does.
std::size_t segments_beyond(const std::vector<SegmentSize>& segments, const RetentionLimits& limits, log::WallTime now);
/// How many bytes must be removed.
std::uint64_t bytes_missing(const FreeSpaceLimit& limit, const DiskSpace& space) noexcept;

/// The segments of a port in order. Reads the end of each index only if `with_times`.
Result<std::vector<SegmentSize>> segment_sizes(const std::string& port_directory, bool with_times);
Result<DiskSpace> disk_space(const std::string& directory);

/// Removes the oldest segments of a port that are beyond the limits. What it removed before an error stays removed.
Result<Removed> apply_retention(const std::string& port_directory, const RetentionLimits& limits, log::WallTime now);
/// Removes the oldest segments of all ports of an archive until enough space is free, or nothing is left that may go.
Result<Removed> apply_free_space(const std::string& archive, const FreeSpaceLimit& limit);

/// Removes a segment: the data first, so that no index is left that promises too much to the next start.
Result<void> remove_segment(const std::string& port_directory, std::uint64_t base);

}  // namespace vserd::archive
