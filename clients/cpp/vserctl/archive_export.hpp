#pragma once

#include <CLI/App.hpp>

#include "vserctl/options.hpp"

/// `vserctl archive export`: one port of an archive as a capture file, without a server.
namespace vserctl {

/// Parses into `command`, which outlives `app`.
void add_export_options(CLI::App& app, ArchiveCommand& command);

/// Writes the capture to the file or stdout. A file that could not be completed is removed. Returns the exit code.
int run_export(const ArchiveCommand& command, const std::string& directory, bool json);

}  // namespace vserctl
