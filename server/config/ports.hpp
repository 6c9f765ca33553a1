#pragma once

#include <vector>

#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads every [[port]] of the file. What is wrong goes to `problems`.
std::vector<PortEntry> read_ports(Table& root, Problems& problems);

}  // namespace vserd::config
