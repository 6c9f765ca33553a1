#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "config/config.hpp"
#include "config/table.hpp"

namespace vserd::config {

/// Reads [fleet]. Empty: there is none, or it names no etcd. `config` has [server] and [access] already.
std::optional<FleetEntry> read_fleet(Table& root, const Config& config, Problems& problems);

/// What others connect to: 'advertise' in [fleet], or the one address of `listen` that other machines reach. The message says
/// what to set. Requires: config.fleet.
Result<std::string> advertised_address(const Config& config);
/// The same for the metrics and the page; empty: other machines do not reach them.
std::string advertised_metrics(const Config& config);
std::string advertised_web(const Config& config);

}  // namespace vserd::config
