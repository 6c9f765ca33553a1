#pragma once

#include "vserctl/command_set.hpp"

namespace vserctl {

/// The commands about clients: who, end, notice and token.
void add_session_commands(CommandSet& commands);

}  // namespace vserctl
