#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace vserd::archive {

/// Replaces BASE.log by BASE.log.zst, in zstd's seekable format. The segment must be complete: PortArchive::unsealed() lists
/// those. If the process ends at any moment, one right copy is left, and the next start removes the other. Any thread; one call
/// at a time for each segment, and none while retention works on the port.
Result<void> seal_segment(const std::string& port_directory, std::uint64_t base, int level = 3);

/// Removes what an interrupted seal_segment(), retention or repair left: unfinished files, the plain copy of a sealed segment,
/// and the index of a segment without data that is not the last one. PortArchive::open() calls it.
Result<void> remove_unfinished(const std::string& port_directory);

}  // namespace vserd::archive
