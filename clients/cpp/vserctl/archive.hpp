#pragma once

#include <CLI/App.hpp>

#include "vserctl/options.hpp"

/// `vserctl archive`: looks after an archive on the disk of this machine, without a server.
namespace vserctl {

inline constexpr const char* archive_summary = "Look after an archive on this machine's disk, without a server";
inline constexpr const char* archive_examples =
    "  vserctl archive stat /var/log/vserd\n"
    "  vserctl archive verify /var/log/vserd --json\n"
    "  vserctl archive verify /var/log/vserd/vser0     one port\n"
    "  vserctl archive repair /mnt/copy\n"
    "  vserctl archive export /var/log/vserd/vser0 --since 1h -o vser0.capture\n"
    "  vserctl archive export /var/log/vserd/vser0 | zstd > vser0.capture.zst\n"
    "stat reads little, and verify reads everything; both write nothing, and may run beside vserd (run verify again if "
    "vserd removed a segment meanwhile). repair cuts an "
    "interrupted end, turns damage into gaps and moves unusable files aside as *.damaged: stop vserd before it.\n"
    "export writes one port as a capture: JSON lines with what was received, what was sent (record_tx), events and "
    "times, "
    "which device = \"sim:replay?file=PATH\" plays back.\n"
    "Exit status: 0 everything is right, 1 damage was found or something could not be read.";

/// Parses into `command`, which outlives `app`.
void add_archive_options(CLI::App& app, ArchiveCommand& command);
/// Throws CLI11's error if the options contradict each other.
ArchiveCommand checked_archive(const ArchiveCommand& command);

/// Prints what it finds on stdout. Returns exit_refused if there is damage, also after a repair.
int run_archive(const ArchiveCommand& command, bool json);

}  // namespace vserctl
