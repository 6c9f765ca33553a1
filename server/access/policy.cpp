#include "access/policy.hpp"

#include <algorithm>
#include <utility>

namespace vserd::access {

Policy::Policy(const std::vector<Rule>& rules, std::optional<Credentials> credentials)
    : enforced_(true), credentials_(std::move(credentials)) {
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
        if (who == grants_.size()) {
            grants_.emplace_back();
            certificates_.push_back(certificate_name_of_pattern(pattern));
        }
        for (const GlobIndex::Id id : ports) grants_[who].push_back({id, rule.role});
    }
}

bool Policy::is_valid(const Credential& credential, Time now) const {
    if (credential.expires && *credential.expires <= now) return false;
    if (!credentials_) return true;
    const auto known = credentials_->find(credential.id);
    return known != credentials_->end() && (!known->second || *known->second > now);
}

template <class Found>
void Policy::match(const Identity& identity, Time now, Found found) const {
    const bool bearer_is_valid = is_valid(identity.credential, now);
    for (const std::string& name : identity.names) {
        if (is_bearer_name(name) && !bearer_is_valid) continue;
        const CertificateName kind = certificate_name_of(name);
        who_.match(name, [&](GlobIndex::Id who) {
            if (certificates_[who] == CertificateName::any || certificates_[who] == kind) found(who);
        });
    }
}

Role Policy::role_of(const Identity& identity, std::string_view port, Time now) const {
    if (!enforced_) return Role::admin;
    Role best = identity.granted.value_or(Role::none);
    std::vector<GlobIndex::Id> ports;
    ports_.match(port, [&](GlobIndex::Id id) { ports.push_back(id); });
    if (!ports.empty()) match(identity, now, [&](GlobIndex::Id who) { best = std::max(best, granted(who, ports)); });
    return best;
}

bool Policy::knows(const Identity& identity, Time now) const {
    if (!enforced_ || identity.granted) return true;
    bool known = false;
    match(identity, now, [&](GlobIndex::Id) { known = true; });
    return known;
}

std::optional<Policy::Time> Policy::next_expiry(Time after) const {
    std::optional<Time> next;
    if (!credentials_) return next;
    for (const auto& [id, expires] : *credentials_) take_earlier(next, expires, after);
    return next;
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
