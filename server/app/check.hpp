#pragma once

#include <string>

#include "config/config.hpp"

namespace vserd {

/// `vserd check`: finds what would make a start with this well-formed configuration fail, except conflicts with processes that
/// are running now. Prints the result and returns the exit status.
int check(const std::string& file, const config::Config& config);

/// The same without the result on standard output: false if a start would fail; then the reasons are printed.
bool can_start(const std::string& file, const config::Config& config);

}  // namespace vserd
