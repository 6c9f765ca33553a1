#include "access/policy.hpp"

#include <algorithm>
#include <utility>

namespace vserd::access {

Policy::Policy(const std::vector<Rule>& rules, std::optional<TokenNames> tokens)
    : enforced_(true), tokens_(std::move(tokens)) {
    for (const Rule& rule : rules) add(rule);
    for (std::vector<Grant>& grants : grants_) {
        // The highest role first, of which unique() keeps one.
        std::sort(grants.begin(), grants.end(), [](const Grant& a, const Grant& b) {
            return a.ports != b.ports ? a.ports < b.ports : a.role > b.role;
        });
        const auto end = std::unique(grants.begin(), grants.end(),
                                     [](const Grant& a, const Grant& b) { return a.ports == b.ports; });
        grants.erase(end, grants.end());
    }
}

void Policy::add(const Rule& rule) {
    std::vector<GlobIndex::Id> ports;
    for (const std::string& pattern : rule.ports) ports.push_back(ports_.add(pattern));
    for (const std::string& pattern : rule.who) {
        const GlobIndex::Id who = who_.add(pattern);
        if (who == grants_.size()) grants_.emplace_back();
        for (const GlobIndex::Id id : ports) grants_[who].push_back({id, rule.role});
    }
}

bool Policy::is_valid(std::string_view name) const {
    constexpr std::string_view token = "token:";
    return !tokens_ || !name.starts_with(token) || tokens_->contains(name.substr(token.size()));
}

Role Policy::role_of(const Identity& identity, std::string_view port) const {
    if (!enforced_) return Role::admin;
    Role best = identity.granted.value_or(Role::none);
    std::vector<GlobIndex::Id> ports;
    ports_.match(port, [&](GlobIndex::Id id) { ports.push_back(id); });
    if (ports.empty()) return best;
    for (const std::string& name : identity.names) {
        if (!is_valid(name)) continue;
        who_.match(name, [&](GlobIndex::Id who) { best = std::max(best, granted(who, ports)); });
        if (best == Role::admin) break;
    }
    return best;
}

bool Policy::knows(const Identity& identity) const {
    if (!enforced_ || identity.granted) return true;
    bool known = false;
    for (const std::string& name : identity.names) {
        if (is_valid(name)) who_.match(name, [&](GlobIndex::Id) { known = true; });
    }
    return known;
}

Role Policy::granted(GlobIndex::Id who, const std::vector<GlobIndex::Id>& ports) const {
    const std::vector<Grant>& grants = grants_[who];
    Role best = Role::none;
    for (const GlobIndex::Id id : ports) {
        const auto grant = std::lower_bound(grants.begin(), grants.end(), id,
                                            [](const Grant& g, GlobIndex::Id wanted) { return g.ports < wanted; });
        if (grant != grants.end() && grant->ports == id) best = std::max(best, grant->role);
    }
    return best;
}

}  // namespace vserd::access
