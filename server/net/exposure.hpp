#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace vserd::net {

/// Fails if another machine can reach one of `addresses`. The caller skips the check if TLS is configured or the operator
/// has set allow_insecure_remote.
Result<void> check_exposure(const std::vector<std::string>& addresses);

}  // namespace vserd::net
