#pragma once

#include <optional>

#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads [archive]. Empty: there is none, or it names no directory.
std::optional<ArchiveEntry> read_archive(Table& root, Problems& problems);

}  // namespace vserd::config
