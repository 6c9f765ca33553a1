#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace vserd {

/// The addresses in the file. If it has none, the defaults, which include the Unix socket if its directory exists (systemd
/// creates it).
std::vector<std::string> listen_addresses(const config::Config& config);

}  // namespace vserd
