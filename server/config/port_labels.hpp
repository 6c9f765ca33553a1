#pragma once

#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads `labels` of a [[port]].
base::Labels read_port_labels(Table& port, Problems& problems);

}  // namespace vserd::config
