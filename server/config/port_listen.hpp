#pragma once

#include <map>
#include <string>

#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// The addresses already used in the file, each with a description of its place. Without those with port 0.
using TakenAddresses = std::map<std::string, std::string>;

/// Reads every [[port.listen]] of one port, and adds errors to `problems`. `server`: the [server] of the file.
std::vector<ListenEntry> read_port_listen(Table& port, const Config& server, TakenAddresses& taken, Problems& problems);

}  // namespace vserd::config
