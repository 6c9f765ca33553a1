#pragma once

#include <CLI/App.hpp>

#include "vserctl/options.hpp"

namespace vserctl {

inline constexpr const char* config_summary = "Show the servers that vserctl's configuration names";
inline constexpr const char* config_examples = "  vserctl config list\n  vserctl config show lab";

/// The options that say which server to use and how. Returns that of the server.
CLI::Option* add_server_options(CLI::App& app, Options& options);
/// The arguments of `vserctl config`.
void add_config_options(CLI::App& app, ConfigCommand& command);
/// Throws CLI11's error if they contradict each other.
ConfigCommand checked_config(const ConfigCommand& command);

}  // namespace vserctl
