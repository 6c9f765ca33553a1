#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "capture/capture_writer.hpp"
#include "log/moment.hpp"

namespace vserd::archive {

struct ExportRange {
    std::optional<log::WallTime> since = std::nullopt;  ///< begin with what was received then, or sent
    std::optional<log::WallTime> until = std::nullopt;  ///< end before what is later
};

/// Writes one port of an archive as a capture, in both directions and ordered by time, a line at a time. Reads only, also beside
/// a running vserd; then it ends with what is archived when it gets there. Damaged parts are gaps. Returns what it wrote.
/// Failure::not_found: the directory has no segments.
Result<capture::End> export_port(const std::string& port_directory, const ExportRange& range,
                                 const capture::CaptureWriter::Put& put);

}  // namespace vserd::archive
