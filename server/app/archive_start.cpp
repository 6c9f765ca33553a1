#include "app/archive_start.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace vserd {
namespace {

archive::Settings archive_settings(const config::ArchiveEntry& entry) {
    archive::Settings settings;
    settings.directory = entry.directory;
    settings.keep = {std::chrono::hours{24} * entry.keep_days, entry.keep_bytes};
    settings.keep_free = {entry.keep_free_bytes, entry.keep_free_percent};
    settings.segment_bytes = entry.segment_bytes;
    settings.sync = entry.sync;
    return settings;
}

}  // namespace

Result<std::optional<archive::DirectoryLock>> begin_archive(const config::ArchiveEntry& entry, hub::Hub& hub) {
    const archive::Settings settings = archive_settings(entry);
    auto lock = archive::DirectoryLock::take(settings.directory);
    if (!lock && lock.error().failure == Failure::refused) return lock.error();
    hub.archive_to(settings);
    if (lock) return std::optional(std::move(*lock));
    spdlog::error("[archive]: {}; the consoles are served", lock.error().message);
    return std::optional<archive::DirectoryLock>();
}

}  // namespace vserd
