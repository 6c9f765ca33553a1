#pragma once

#include <optional>

#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads [web]. Empty: there is none, or it names no address. `config` has the rest of [server] and [access] already.
std::optional<WebEntry> read_web(Table& root, const Config& config, Problems& problems);

}  // namespace vserd::config
