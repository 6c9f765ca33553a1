#pragma once

#include <string>

#include "config/config.hpp"

namespace vserd {

/// `vserd check`: finds what would make a start with this well-formed configuration fail, except conflicts with processes that
/// are running now. Prints the result and returns the exit status.
int check(const std::string& file, const config::Config& config);

}  // namespace vserd
