#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads every [[port]] of the file, and adds errors to `problems`.
/// `server`: the rest of the file.
std::vector<PortEntry> read_ports(Table& root, const Config& server, Problems& problems);

}  // namespace vserd::config
