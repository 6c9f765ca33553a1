#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "archive/recording.hpp"
#include "log/moment.hpp"

namespace vserd::archive {

/// What a port has in the archive.
struct Kept {
    std::uint64_t bytes = 0;                     ///< on the disk
    std::optional<log::WallTime> oldest;         ///< the time of its first record
    std::optional<std::uint64_t> oldest_offset;  ///< unless there are several logs
};

struct UpkeepReport {
    std::map<std::string, Kept> ports;  ///< also those that are no longer configured
    std::vector<Error> errors;          ///< of the steps that failed; the others were done
};

/// Only what there is. Blocks on the disk.
UpkeepReport look(const Settings& settings);

/// Seals full segments, then removes what the limits do not allow. Blocks on the disk, for seconds if much is to be sealed. One call at
/// a time for an archive; writers and readers need no coordination with it.
UpkeepReport keep_up(const Settings& settings, log::WallTime now);

/// Where the time by which segments are old is kept.
std::string clock_path(const Settings& settings);

}  // namespace vserd::archive
