#pragma once

#include "vserctl/command_set.hpp"

namespace vserctl {

/// The commands that read and write the bytes of a port: attach, ssh, read and write.
void add_byte_commands(CommandSet& commands);

}  // namespace vserctl
