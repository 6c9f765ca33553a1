#include "archive/upkeep.hpp"

#include <filesystem>

#include "archive/check.hpp"
#include "archive/files.hpp"
#include "archive/names.hpp"
#include "archive/retention.hpp"
#include "archive/seal.hpp"

namespace vserd::archive {
namespace {

/// All but the last segment are full.
Result<void> seal_full_segments(const std::string& directory) {
    auto bases = segment_bases(directory);
    if (!bases) return bases.error();
    if (!bases->empty()) bases->pop_back();
    for (const std::uint64_t base : *bases) {
        const SegmentPaths paths(directory, base);
        if (!exists(paths.log)) continue;
        if (auto sealed = seal_segment(directory, base); !sealed) return sealed;
    }
    return {};
}

/// Of a port in both directions.
Result<Kept> kept_in(const std::string& directory) {
    const auto stat = stat_port(directory);
    if (!stat) return stat.error();
    const bool is_one_log = stat->log_ids.size() == 1;
    Kept kept{stat->disk_bytes, stat->oldest_time, is_one_log ? std::optional(stat->oldest.offset) : std::nullopt};
    const auto sent = stat_port(sent_path(directory));
    if (!sent) return sent.error();
    kept.bytes += sent->disk_bytes;
    return kept;
}

template <class T>
void note(UpkeepReport& report, const Result<T>& result) {
    if (!result) report.errors.push_back(result.error());
}

void look_at(const std::vector<std::string>& directories, UpkeepReport& report) {
    for (const std::string& directory : directories) {
        const auto port = port_name(std::filesystem::path(directory).filename().string());
        if (!port) continue;
        const auto kept = kept_in(directory);
        note(report, kept);
        if (kept) report.ports.emplace(*port, *kept);
    }
}

}  // namespace

std::string clock_path(const Settings& settings) { return path_in(settings.directory, ".clock"); }

UpkeepReport look(const Settings& settings) {
    UpkeepReport report;
    const auto directories = port_directories(settings.directory);
    note(report, directories);
    if (directories) look_at(*directories, report);
    return report;
}

UpkeepReport keep_up(const Settings& settings, log::WallTime now) {
    UpkeepReport report;
    const auto directories = port_directories(settings.directory);
    note(report, directories);
    if (!directories) return report;
    for (const std::string& directory : *directories) {
        note(report, seal_full_segments(directory));
        note(report, apply_retention(directory, settings.keep, now));
    }
    note(report, apply_free_space(settings.directory, settings.keep_free));
    look_at(*directories, report);
    return report;
}

}  // namespace vserd::archive
