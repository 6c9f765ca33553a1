#pragma once

#include <map>
#include <string>

namespace vserd::base {

/// What a port is, for people and programs that select ports: { rack = "3", board = "rpi4" }.
using Labels = std::map<std::string, std::string>;

}  // namespace vserd::base
