#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "access/glob_index.hpp"
#include "access/identity.hpp"
#include "access/role.hpp"
#include "access/rule.hpp"

namespace vserd::access {

/// Decides which role an identity has on a port. Immutable; any thread.
class Policy {
public:
    /// Without [access]: everybody may do everything.
    Policy() = default;
    /// The names of the tokens that are valid now.
    using TokenNames = std::set<std::string, std::less<>>;

    /// Grants what the rules grant, and nothing else. `tokens`: other tokens have no rights any more, also not in a session that
    /// began with one. requires: check_who() and check_port_pattern() accept every pattern.
    explicit Policy(const std::vector<Rule>& rules, std::optional<TokenNames> tokens = std::nullopt);

    /// Whether there are rules. If not, nobody needs to know who is asking.
    bool is_enforced() const noexcept { return enforced_; }
    /// The highest role that a rule, or the listener, grants. The time hardly depends on the number of rules, as long as few
    /// globs have the same beginning and end (see GlobIndex).
    Role role_of(const Identity& identity, std::string_view port) const;
    /// Whether any rule, or the listener, grants anything to that identity.
    bool knows(const Identity& identity) const;

private:
    struct Grant {
        GlobIndex::Id ports;
        Role role;
    };

    void add(const Rule& rule);
    bool is_valid(std::string_view name) const;
    Role granted(GlobIndex::Id who, const std::vector<GlobIndex::Id>& ports) const;

    bool enforced_ = false;
    std::optional<TokenNames> tokens_;  ///< unset: all are valid
    GlobIndex who_;
    GlobIndex ports_;
    std::vector<std::vector<Grant>> grants_;  ///< by the id in who_; each ascending by the id in ports_
};

}  // namespace vserd::access
