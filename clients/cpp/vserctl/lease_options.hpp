#pragma once

#include <CLI/App.hpp>

#include "vserctl/options.hpp"

namespace vserctl {

inline constexpr const char* lease_summary = "Hold a port, so that nobody else can write to it or change its line";
inline constexpr const char* lease_examples =
    "  vserctl lease vser0 --wait 10m -- ./flash.sh     hold vser0 while flash.sh runs; wait for it if it is held\n"
    "  vserctl lease vser0 --takeover --reason 'incident 42' -- vserctl attach vser0\n"
    "  vserctl lease -l board=rpi4 --wait 10m -- make test     hold any free port with this label; wait for the first "
    "one\n"
    "  export VSERD_LEASE=$(vserctl lease vser0 --ttl 10m)     hold it for the next commands\n"
    "  vserctl lease vser0 --renew ; vserctl lease vser0 --release\n"
    "  vserctl lease --list\n"
    "The command gets VSERD_LEASE=PORT:ID, so that vserctl and the Python client present the lease. If the lease is "
    "lost, "
    "vserctl says\n"
    "so, ends the command with SIGTERM and exits with 143.";

/// Parses into `command`, which outlives `app`.
void add_lease_options(CLI::App& app, LeaseCommand& command);
/// Throws CLI11's error if the options contradict each other. `after_dashes`: the number of words after "--".
LeaseCommand checked_lease(const LeaseCommand& command, std::size_t after_dashes);

}  // namespace vserctl
