#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vser_client/fleet.hpp"
#include "vserctl/json.hpp"

namespace vserctl {

JsonObject json_of(const vser::client::FleetPort& port);
std::string bridges_json(const vser::client::FleetBridges& bridges);
std::string bridges_table(const vser::client::FleetBridges& bridges);
std::string ports_json(const vser::client::FleetPorts& ports);
std::string ports_table(const vser::client::FleetPorts& ports);

/// The file that Prometheus' file_sd_configs reads.
std::string file_sd(const std::vector<vser::client::FleetBridge>& bridges);

/// Replaces the file at once, so that nobody reads a part of it. Returns what failed.
std::optional<std::string> replace_file(const std::string& file, const std::string& content);

}  // namespace vserctl
