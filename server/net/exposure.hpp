#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace vserd::net {

/// What protects the addresses that other machines can reach.
struct Protection {
    bool tls = false;    ///< [server.tls] has a certificate
    bool rules = false;  ///< [access] has a rule
};

/// Fails if another machine can reach one of `addresses`, unless both protect it. The caller skips the check if the operator has
/// set allow_insecure_remote.
Result<void> check_exposure(const std::vector<std::string>& addresses, Protection protection);

}  // namespace vserd::net
