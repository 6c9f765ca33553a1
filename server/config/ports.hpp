#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads every [[port]] of the file, and adds errors to `problems`.
std::vector<PortEntry> read_ports(Table& root, Problems& problems);

}  // namespace vserd::config
