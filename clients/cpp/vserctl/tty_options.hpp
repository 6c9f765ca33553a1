#pragma once

#include <CLI/App.hpp>

#include "vserctl/options.hpp"

namespace vserctl {

inline constexpr const char* tty_summary = "Make a port a local terminal, for programs that open a serial device";
inline constexpr const char* tty_examples =
    "  vserctl tty vser0\n"
    "  vserctl tty vser0 --link /tmp/board     in another terminal: picocom -b 115200 /tmp/board\n"
    "  vserctl -s lab7:50051 tty vser0 --link ~/board --json\n"
    "A pseudo terminal carries only the speed and RTS/CTS. For modem lines, breaks or other formats than 8N1, use "
    "rfc2217://.";

/// Parses into `command`, which outlives `app`.
void add_tty_options(CLI::App& app, TtyCommand& command);

}  // namespace vserctl
