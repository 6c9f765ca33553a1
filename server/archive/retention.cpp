#include "archive/retention.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <queue>
#include <utility>

#include "archive/check.hpp"
#include "archive/files.hpp"
#include "archive/index_file.hpp"
#include "archive/names.hpp"
#include "archive/times.hpp"

namespace vserd::archive {
namespace {

std::uint64_t disk_bytes(const std::string& path) noexcept {
    constexpr std::uint64_t stat_block_bytes = 512;
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * stat_block_bytes : 0;
}

std::optional<log::WallTime> newest_in(const std::string& index_path) {
    auto index = IndexFile::open(index_path);
    if (!index) return std::nullopt;
    const auto last = index->last();
    if (!last || !*last) return std::nullopt;
    return time_of((*last)->record.head.time_ns);
}

SegmentSize size_of_segment(const std::string& port_directory, std::uint64_t base, bool with_time) {
    const SegmentPaths paths(port_directory, base);
    SegmentSize size{base, disk_bytes(paths.log) + disk_bytes(paths.sealed) + disk_bytes(paths.index)};
    if (with_time) size.newest = newest_in(paths.index);
    return size;
}

std::size_t expired(const std::vector<SegmentSize>& segments, std::chrono::nanoseconds age, log::WallTime now) {
    const log::WallTime limit = now - std::chrono::duration_cast<log::WallTime::duration>(age);
    std::size_t count = 0;
    std::optional<log::WallTime> latest;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const auto& newest = segments[i].newest;
        if (!newest || *newest > now) continue;
        latest = latest ? std::max(*latest, *newest) : *newest;
        if (*latest >= limit) break;  // recent, so everything after it is
        count = i + 1;
    }
    return count;
}

std::size_t too_large(const std::vector<SegmentSize>& segments, std::uint64_t bytes_max) {
    std::uint64_t bytes = 0;
    std::size_t kept = 0;
    for (; kept < segments.size(); ++kept) {
        bytes += segments[segments.size() - 1 - kept].bytes;
        if (bytes > bytes_max) break;
    }
    return segments.size() - kept;
}

Result<Removed> remove_oldest(const std::string& port_directory, const std::vector<SegmentSize>& segments,
                              std::size_t count) {
    Removed removed;
    for (std::size_t i = 0; i < count; ++i) {
        if (auto gone = remove_segment(port_directory, segments[i].base); !gone) return gone.error();
        ++removed.segments;
        removed.bytes += segments[i].bytes;
    }
    return removed;
}

/// The oldest segment of a port that may go, for the choice among all ports.
struct Candidate {
    std::string port_directory;
    std::vector<std::uint64_t> bases;  // all that may go, the oldest last
    log::WallTime newest;

    friend bool operator<(const Candidate& a, const Candidate& b) noexcept { return a.newest > b.newest; }

    void look() { newest = newest_in(SegmentPaths(port_directory, bases.back()).index).value_or(log::WallTime{}); }
};

Result<std::priority_queue<Candidate>> candidates_in(const std::string& archive) {
    const auto directories = port_directories(archive);
    if (!directories) return directories.error();
    std::priority_queue<Candidate> candidates;
    for (const std::string& directory : *directories) {
        auto bases = segment_bases(directory);
        if (!bases || bases->size() < 2) continue;
        bases->pop_back();
        std::reverse(bases->begin(), bases->end());
        Candidate candidate{directory, std::move(*bases), {}};
        candidate.look();
        candidates.push(std::move(candidate));
    }
    return candidates;
}

}  // namespace

std::size_t segments_beyond(const std::vector<SegmentSize>& segments, const RetentionLimits& limits,
                            log::WallTime now) {
    if (segments.empty()) return 0;
    std::size_t count = 0;
    if (limits.age > std::chrono::nanoseconds{0}) count = expired(segments, limits.age, now);
    if (limits.bytes > 0) count = std::max(count, too_large(segments, limits.bytes));
    return std::min(count, segments.size() - 1);
}

std::uint64_t bytes_missing(const FreeSpaceLimit& limit, const DiskSpace& space) noexcept {
    const double part = std::clamp(limit.percent, 0.0, 100.0) / 100 * static_cast<double>(space.total_bytes);
    const std::uint64_t wanted = std::max(limit.bytes, static_cast<std::uint64_t>(part));
    return wanted - std::min(wanted, space.free_bytes);
}

Result<std::vector<SegmentSize>> segment_sizes(const std::string& port_directory, bool with_times) {
    const auto bases = segment_bases(port_directory);
    if (!bases) return bases.error();
    std::vector<SegmentSize> segments;
    for (const std::uint64_t base : *bases) segments.push_back(size_of_segment(port_directory, base, with_times));
    return segments;
}

Result<DiskSpace> disk_space(const std::string& directory) {
    struct statvfs status {};
    if (::statvfs(directory.c_str(), &status) != 0) return errno_error("cannot read the free space of " + directory);
    return DiskSpace{std::uint64_t{status.f_blocks} * status.f_frsize,
                     std::uint64_t{status.f_bavail} * status.f_frsize};
}

Result<Removed> apply_retention(const std::string& port_directory, const RetentionLimits& limits, log::WallTime now) {
    const auto segments = segment_sizes(port_directory, limits.age > std::chrono::nanoseconds{0});
    if (!segments) return segments.error();
    return remove_oldest(port_directory, *segments, segments_beyond(*segments, limits, now));
}

Result<Removed> apply_free_space(const std::string& archive, const FreeSpaceLimit& limit) {
    const auto space = disk_space(archive);
    if (!space) return space.error();
    const std::uint64_t missing = bytes_missing(limit, *space);
    Removed removed;
    if (missing == 0) return removed;
    auto candidates = candidates_in(archive);
    if (!candidates) return candidates.error();
    while (removed.bytes < missing && !candidates->empty()) {
        Candidate oldest = candidates->top();
        candidates->pop();
        const std::uint64_t bytes = size_of_segment(oldest.port_directory, oldest.bases.back(), false).bytes;
        if (auto gone = remove_segment(oldest.port_directory, oldest.bases.back()); !gone) return gone.error();
        ++removed.segments;
        removed.bytes += bytes;
        oldest.bases.pop_back();
        if (oldest.bases.empty()) continue;
        oldest.look();
        candidates->push(std::move(oldest));
    }
    return removed;
}

Result<void> remove_segment(const std::string& port_directory, std::uint64_t base) {
    const SegmentPaths paths(port_directory, base);
    for (const std::string* path : {&paths.log, &paths.sealed, &paths.index})
        if (auto removed = remove_file(*path); !removed) return removed;
    return {};
}

}  // namespace vserd::archive
