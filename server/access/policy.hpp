#pragma once

#include <string_view>

#include "access/identity.hpp"
#include "access/role.hpp"

namespace vserd::access {

/// Who may do what: the rules of the configuration. Immutable, so any thread may ask.
class Policy {
public:
    /// Without [access]: everybody may do everything.
    Policy() = default;

    /// Whether there are rules. If not, nobody needs to know who is asking.
    bool is_enforced() const noexcept { return enforced_; }
    /// The highest role that a rule, or the listener, grants.
    Role role_of(const Identity& identity, std::string_view port) const;
    /// Whether any rule grants anything to that identity.
    bool knows(const Identity& identity) const;

private:
    bool enforced_ = false;
};

}  // namespace vserd::access
