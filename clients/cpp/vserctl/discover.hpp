#pragma once

#include <CLI/App.hpp>

#include "vserctl/options.hpp"

namespace vserctl {

inline constexpr const char* discover_summary = "List the servers that announce themselves on this network";
inline constexpr const char* discover_examples =
    "  vserctl discover\n"
    "  vserctl discover --json --limit 3s\n"
    "It needs avahi-browse (package avahi-utils) and a running avahi-daemon. Anybody on the network can announce a "
    "server: with a\n"
    "token or a password, connect by TLS, which checks who it is.";

/// Parses into `command`, which outlives `app`.
void add_discover_options(CLI::App& app, DiscoverCommand& command);

/// Asks avahi-browse, for at most command.limit.
int run_discover(const DiscoverCommand& command, bool json);

}  // namespace vserctl
