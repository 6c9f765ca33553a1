#pragma once

#include <CLI/App.hpp>
#include <optional>

#include "vserctl/options.hpp"

namespace vserctl {

inline constexpr const char* fleet_summary = "Show the bridges of a fleet, where a port is, or what Prometheus scrapes";
inline constexpr const char* fleet_examples =
    "  vserctl --fleet lab7:50051 fleet\n  vserctl fleet resolve board-17\n  vserctl --fleet etcds://etcd1,etcd2,etcd3 "
    "--etcd-ca ca.crt fleet\n  vserctl fleet sd -o "
    "/etc/prometheus/vserd.json";

/// Parses into `command`, which outlives `app`.
void add_fleet_options(CLI::App& app, FleetCommand& command);
/// Throws CLI11's error if the arguments contradict each other.
FleetCommand checked_fleet(const FleetCommand& command);

/// Runs the commands that concern several bridges. For a command that concerns one port it only makes the options name the bridge that
/// owns the port, and returns nothing. Requires: options.fleet is not empty.
std::optional<int> run_in_fleet(Options& options);

}  // namespace vserctl
