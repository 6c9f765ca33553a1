#include <string>
#include <vector>

#include "access/policy.hpp"
#include "instructions/steps.hpp"

namespace vserd::bench {
namespace {

using access::Identity;
using access::Role;
using access::Rule;

constexpr int racks = 100;

/// Teams with certificates and tokens on racks, as operators write rules.
access::Policy policy(int teams) {
    std::vector<Rule> rules{{{"*"}, {"*"}, Role::list}, {{"jwt:group=ops"}, {"*"}, Role::admin}};
    for (int team = 0; team < teams; ++team) {
        const std::string n = std::to_string(team);
        rules.push_back({{"cert:spiffe://lab/team" + n + "/*", "token:ci-" + n + "-*", "uid:" + n},
                         {"rack" + std::to_string(team % racks) + "-*"},
                         Role::write});
    }
    return access::Policy(rules);
}

void count_decision(int teams) {
    const access::Policy rules = policy(teams);
    const Identity identity{.names = {"cert:spiffe://lab/team7/runner", "uid:7", "gid:20", "jwt:group=team7"}};
    count("access decision by " + std::to_string(teams) + " rules", 1000,
          [&] { keep(rules.role_of(identity, "rack7-board31", access::Policy::Time{})); });
}

}  // namespace

void count_access() {
    count_decision(10);
    count_decision(10'000);
}

}  // namespace vserd::bench
