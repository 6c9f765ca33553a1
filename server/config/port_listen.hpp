#pragma once

#include <vector>

#include "base/address_set.hpp"
#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads every [[port.listen]] of one port, and adds errors to `problems`. `server`: the [server] of the file. `taken`: the
/// addresses already used in the file.
std::vector<ListenEntry> read_port_listen(Table& port, const Config& server, base::AddressSet& taken,
                                          Problems& problems);

}  // namespace vserd::config
