#pragma once

#include "vserctl/command_set.hpp"

namespace vserctl {

/// The commands for the line and the device of a port: baud, format, signals, break, yield and flush.
void add_line_commands(CommandSet& commands);

}  // namespace vserctl
