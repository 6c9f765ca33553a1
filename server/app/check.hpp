#pragma once

#include <string>

#include "config/config.hpp"

namespace vserd {

/// `vserd check`: what a start of this configuration would refuse although the file is well-formed, but for what is so only
/// while another process runs. Says so, or that all is well; returns the exit status.
int check(const std::string& file, const config::Config& config);

}  // namespace vserd
