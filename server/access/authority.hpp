#pragma once

#include <memory>

#include "access/authenticator.hpp"
#include "access/policy.hpp"

namespace vserd::access {

/// Everything that [access] says, loaded at once: how to find out who is asking, and what they may do. Replaced as a whole by a
/// reload.
struct Authority {
    Policy policy = {};
    Authenticator authenticator = {};
};
using AuthorityRef = std::shared_ptr<const Authority>;

}  // namespace vserd::access
