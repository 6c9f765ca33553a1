#include "config/archive_table.hpp"

#include <fmt/core.h>

#include <charconv>

#include "base/units.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

void read_directory(Table& table, ArchiveEntry& archive) {
    const auto folder = table.string("directory");
    if (!folder) return;
    if (!folder->value.empty() && (!folder->value.starts_with('/') || folder->value.size() > path_bytes_max)) {
        return table.problem(
            folder->at, "'directory' in [archive] must be the absolute path of a directory, or \"\" for no archive");
    }
    archive.directory = folder->value;
}

std::optional<double> percent_of(std::string_view text) {
    if (!text.ends_with('%')) return std::nullopt;
    unsigned percent = 0;
    const char* const end = text.data() + text.size() - 1;
    const auto [rest, error] = std::from_chars(text.data(), end, percent);
    if (error != std::errc{} || rest != end || percent > keep_free_percent_max) return std::nullopt;
    return percent;
}

void read_keep_free(Table& table, ArchiveEntry& archive) {
    const auto text = table.string("keep_free");
    if (!text) return;
    if (const auto percent = percent_of(text->value)) {
        archive.keep_free_percent = *percent;
        archive.keep_free_bytes = 0;
    } else if (const auto bytes = base::parse_size(text->value); bytes && *bytes >= 0) {
        archive.keep_free_percent = 0;
        archive.keep_free_bytes = static_cast<std::uint64_t>(*bytes);
    } else {
        table.problem(text->at,
                      fmt::format("'keep_free' in [archive] must be a share of the file system such as \"15%\", "
                                  "at most \"{}%\", or a size such as \"10GiB\"",
                                  keep_free_percent_max));
    }
}

void read_sync(Table& table, ArchiveEntry& archive) {
    const auto text = table.string("sync");
    if (!text) return;
    const auto interval = base::parse_duration(text->value);
    if (!interval) {
        table.problem(text->at, fmt::format("'sync' in [archive]: {}", interval.error().message));
    } else if (*interval < sync_min || *interval > sync_max) {
        table.problem(text->at, "'sync' in [archive] must be from 100ms to 10min");
    } else {
        archive.sync = *interval;
    }
}

}  // namespace

std::optional<ArchiveEntry> read_archive(Table& root, Problems& problems) {
    const toml::table* source = root.table("archive");
    if (!source) return std::nullopt;
    Table table(*source, "[archive]", problems);
    ArchiveEntry archive;
    read_directory(table, archive);
    if (const auto days = table.integer("keep_days", 0, keep_days_max)) {
        archive.keep_days = static_cast<std::uint32_t>(days->value);
    }
    if (const auto bytes = table.size("keep_bytes", 0, keep_bytes_max)) {
        archive.keep_bytes = static_cast<std::uint64_t>(bytes->value);
    }
    read_keep_free(table, archive);
    if (const auto bytes = table.size("segment_bytes", segment_bytes_min, segment_bytes_max)) {
        archive.segment_bytes = static_cast<std::uint64_t>(bytes->value);
    }
    read_sync(table, archive);
    table.finish();
    if (archive.directory.empty()) return std::nullopt;
    return archive;
}

}  // namespace vserd::config
