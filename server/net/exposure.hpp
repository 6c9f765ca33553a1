#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace vserd::net {

/// Listeners without TLS that other machines can reach: fails with the first of `addresses` that is not local.
/// The caller skips the check if TLS is configured or the operator set allow_insecure_remote.
Result<void> check_exposure(const std::vector<std::string>& addresses);

}  // namespace vserd::net
