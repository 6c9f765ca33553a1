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

Result<Kept> kept_in(const std::string& directory) {
    const auto stat = stat_port(directory);
    if (!stat) return stat.error();
    return Kept{stat->disk_bytes, stat->oldest_time};
}

}  // namespace

UpkeepReport keep_up(const Settings& settings, log::WallTime now) {
    UpkeepReport report;
    const auto note = [&report](const auto& result) {
        if (!result) report.errors.push_back(result.error());
    };
    const auto directories = port_directories(settings.directory);
    if (!directories) {
        note(directories);
        return report;
    }
    for (const std::string& directory : *directories) {
        note(seal_full_segments(directory));
        note(apply_retention(directory, settings.keep, now));
    }
    note(apply_free_space(settings.directory, settings.keep_free));
    for (const std::string& directory : *directories) {
        const auto port = port_name(std::filesystem::path(directory).filename().string());
        if (!port) continue;
        const auto kept = kept_in(directory);
        note(kept);
        if (kept) report.ports.emplace(*port, *kept);
    }
    return report;
}

}  // namespace vserd::archive
