#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "archive/index_file.hpp"
#include "base/result.hpp"

namespace vserd::archive {

/// A part of a segment, in order: a record that is right with all its data, or damage between two positions.
struct WalkStep {
    log::Cursor from;
    log::Cursor to;
    const Record* record = nullptr;  ///< null: damage
    std::string problem;             ///< completes a sentence that begins with the file's name
};

/// Reads a whole segment and checks everything in it. Fails where a file cannot be read, which is not damage that a repair may
/// turn into a gap.
Result<void> walk_segment(const std::string& port_directory, IndexFile& index,
                          const std::function<void(const WalkStep&)>& visit);

}  // namespace vserd::archive
