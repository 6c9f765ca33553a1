#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/glob_index.hpp"
#include "access/identity.hpp"
#include "access/role.hpp"
#include "access/rule.hpp"

namespace vserd::access {

/// Decides which role an identity has on a port, also with a token that has expired meanwhile. Immutable; any thread.
class Policy {
public:
    using Time = std::chrono::sys_seconds;

    /// Without [access]: everybody may do everything.
    Policy() = default;

    /// Grants what the rules grant, and nothing else. Other `credentials` give no rights any more, also not in a session that began
    /// with one; unset: all do until they expire. requires: check_who() and check_port_pattern() accept every pattern.
    explicit Policy(const std::vector<Rule>& rules, std::optional<Credentials> credentials = std::nullopt);

    /// Whether there are rules. If not, nobody needs to know who is asking.
    bool is_enforced() const noexcept { return enforced_; }
    /// The highest role that a rule, or the listener, grants. The time hardly depends on the number of rules, as long as few
    /// globs have the same beginning and end (see GlobIndex).
    Role role_of(const Identity& identity, std::string_view port, Time now = now_in_seconds()) const;
    /// Whether any rule, or the listener, grants anything to that identity.
    bool knows(const Identity& identity, Time now = now_in_seconds()) const;
    /// When the next token of the file expires, later than `after`.
    std::optional<Time> next_expiry(Time after) const;

private:
    struct Grant {
        GlobIndex::Id ports;
        Role role;
    };

    void add(const Rule& rule);
    bool is_valid(const Credential& credential, Time now) const;
    /// Calls `found(id in who_)` for every pattern that matches a valid name of the identity.
    template <class Found>
    void match(const Identity& identity, Time now, Found found) const;
    Role granted(GlobIndex::Id who, const std::vector<GlobIndex::Id>& ports) const;

    bool enforced_ = false;
    std::optional<Credentials> credentials_;  ///< unset: all are valid
    GlobIndex who_;
    GlobIndex ports_;
    std::vector<CertificateName> certificates_;  ///< by the id in who_: what `cert:` stands for
    std::vector<std::vector<Grant>> grants_;     ///< by the id in who_; each ascending by the id in ports_
};

}  // namespace vserd::access
