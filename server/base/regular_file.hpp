#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace vserd::base {

/// A whole small file.
struct RegularFile {
    std::string text;
    mode_t mode = 0;
};

/// Reads a regular file of at most `bytes_max`. The message does not name the path: "cannot be opened: No such file or
/// directory". Does not wait for a FIFO, but for a slow disk, so do not call it on the io thread.
Result<RegularFile> read_regular_file(const std::string& path, std::size_t bytes_max);

}  // namespace vserd::base
