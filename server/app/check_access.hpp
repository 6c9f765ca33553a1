#pragma once

#include <string>
#include <vector>

#include "access/load.hpp"
#include "config/config.hpp"

namespace vserd {

/// What `vserd check` doubts about [access]: rules that cannot match anything here, and tokens that nobody can send.
std::vector<std::string> access_warnings(const config::Config& config, const access::Loaded& loaded);

}  // namespace vserd
