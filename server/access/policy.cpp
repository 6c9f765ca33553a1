#include "access/policy.hpp"

namespace vserd::access {

Role Policy::role_of(const Identity& identity, std::string_view /*port*/) const {
    if (!enforced_) return Role::admin;
    return identity.granted.value_or(Role::none);
}

bool Policy::knows(const Identity& identity) const { return !enforced_ || identity.granted.has_value(); }

}  // namespace vserd::access
