#include "access/policy.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "access/glob.hpp"
#include "access/glob_index.hpp"

namespace vserd::access {
namespace {

using namespace std::chrono_literals;

struct GlobCase {
    const char* glob;
    const char* text;
    bool matches;
};

TEST(Glob, MatchesTheWholeText) {
    const std::vector<GlobCase> cases{
        {"", "", true},
        {"", "a", false},
        {"a", "a", true},
        {"a", "A", false},
        {"a", "ab", false},
        {"*", "", true},
        {"*", "a/b.c", true},
        {"?", "", false},
        {"?", "a", true},
        {"?", "\u00e9", true},  // one character of two bytes
        {"??", "\u00e9", false},
        {"*?", "\u00e9", true},
        {"?\u00e9", "\u00e9\u00e9", true},
        {"rack1-*", "rack1-", true},
        {"rack1-*", "rack10-a", false},
        {"*-a", "b-a", true},
        {"*-a", "b-ab", false},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXcYb", false},
        {"a**b", "ab", true},
        {"*a?", "aab", true},
        {"[ab]", "a", false},  // brackets are not special
        {"[ab]", "[ab]", true},
        {"\\*", "*", false},  // and nothing escapes
        {"cert:spiffe://lab/*", "cert:spiffe://lab/ci/7", true},
        {"cert:*.ci.example", "cert:a.b.ci.example", true},
        {"cert:*.ci.example", "cert:ci.example", false},
    };

    for (const GlobCase& c : cases) EXPECT_EQ(glob_matches(c.glob, c.text), c.matches) << c.glob << " " << c.text;
}

TEST(Glob, EndsSoonWhereBacktrackingWouldNot) {
    std::string glob;
    for (int i = 0; i < 100; ++i) glob += "a*";

    EXPECT_FALSE(glob_matches(glob + "b", std::string(2000, 'a')));  // 2^100 ways to split it
}

TEST(GlobIndex, FindsWhatEachGlobAloneMatches) {
    const std::vector<std::string> globs{"a",    "ab",  "a*",   "*b",  "a*b", "*",    "?",   "a?", "?b",
                                         "a*b*", "*a*", "ab*b", "b*a", "aa*", "*a?b", "abb", "b",  "a?*b"};
    GlobIndex index;
    for (std::size_t i = 0; i < globs.size(); ++i) ASSERT_EQ(index.add(globs[i]), i);
    for (std::size_t i = 0; i < globs.size(); ++i) ASSERT_EQ(index.add(globs[i]), i);
    std::vector<std::string> texts{""};
    for (std::size_t i = 0; i < texts.size() && texts.size() < 200; ++i) {
        for (const char c : {'a', 'b'}) texts.push_back(texts[i] + c);
    }

    for (const std::string& text : texts) {
        std::vector<bool> found(globs.size());
        index.match(text, [&](GlobIndex::Id id) {
            EXPECT_FALSE(found.at(id)) << "twice: " << globs.at(id);
            found.at(id) = true;
        });
        for (std::size_t i = 0; i < globs.size(); ++i)
            EXPECT_EQ(found[i], glob_matches(globs[i], text)) << globs[i] << " on '" << text << "'";
    }
}

Identity named(std::vector<std::string> names) { return {.names = std::move(names)}; }

TEST(Policy, WithoutRulesEverybodyMayDoEverything) {
    const Policy policy;

    EXPECT_FALSE(policy.is_enforced());
    EXPECT_EQ(policy.role_of({}, "a"), Role::admin);
    EXPECT_TRUE(policy.knows({}));
}

TEST(Policy, WithAnEmptyListOfRulesNobodyMayDoAnything) {
    const Policy policy{std::vector<Rule>{}};

    EXPECT_TRUE(policy.is_enforced());
    EXPECT_EQ(policy.role_of(named({"token:root", "uid:0"}), "a"), Role::none);
    EXPECT_FALSE(policy.knows(named({"token:root", "uid:0"})));
}

struct PolicyCase {
    Identity identity;
    const char* port;
    Role role;
};

TEST(Policy, GrantsTheUnionOfTheRules) {
    const Policy policy({
        {{"cert:spiffe://lab/*", "cert:*.ci.example", "token:ci-*"}, {"rack1-*"}, Role::write},
        {{"token:ci-7"}, {"rack1-1", "rack2-1"}, Role::control},
        {{"token:ci-7"}, {"rack1-1"}, Role::read},  // less than the rule before: changes nothing
        {{"uid:1000", "gid:20"}, {"*"}, Role::read},
        {{"jwt:group=ops"}, {"*"}, Role::admin},
        {{"*"}, {"lobby"}, Role::list},
        {{"token:one"}, {"p?"}, Role::read},
    });
    const std::vector<PolicyCase> cases{
        {named({"cert:spiffe://lab/ci"}), "rack1-1", Role::write},
        {named({"cert:spiffe://lab"}), "rack1-1", Role::none},
        {named({"cert:spiffe://lab2/ci"}), "rack1-1", Role::none},
        {named({"cert:b.ci.example"}), "rack1-x", Role::write},
        {named({"cert:b.ci.example.com"}), "rack1-x", Role::none},
        {named({"token:ci-1"}), "rack1-1", Role::write},
        {named({"token:ci-1"}), "rack2-1", Role::none},
        {named({"token:ci-7"}), "rack1-1", Role::control},
        {named({"token:ci-7"}), "rack1-2", Role::write},
        {named({"token:ci-7"}), "rack2-1", Role::control},
        {named({"token:ci-7", "uid:1000"}), "rack3", Role::read},
        {named({"uid:10000"}), "rack3", Role::none},
        {named({"uid:1001", "gid:20"}), "rack1-1", Role::read},
        {named({"jwt:sub=ann", "jwt:group=ops"}), "rack9", Role::admin},
        {named({"jwt:sub=jwt:group=ops"}), "rack9", Role::none},
        {named({"token:nobody"}), "lobby", Role::list},
        {named({}), "lobby", Role::none},
        {named({"token:one"}), "p1", Role::read},
        {named({"token:one"}), "p12", Role::none},
        {named({"token:one"}), "", Role::none},
    };

    for (const PolicyCase& c : cases)
        EXPECT_EQ(policy.role_of(c.identity, c.port), c.role) << to_string(c.identity) << c.port;
}

TEST(Policy, TheRoleOfTheListenerCountsToo) {
    const Policy policy({{{"uid:1"}, {"a"}, Role::read}});

    EXPECT_EQ(policy.role_of({.granted = Role::write}, "b"), Role::write);
    EXPECT_EQ(policy.role_of({.names = {"uid:1"}, .granted = Role::list}, "a"), Role::read);
    EXPECT_EQ(policy.role_of({.names = {"uid:1"}, .granted = Role::write}, "a"), Role::write);
    EXPECT_TRUE(policy.knows({.granted = Role::list}));
}

const Policy::Time deadline{std::chrono::sys_seconds{1'800'000'000s}};

TEST(Policy, ACredentialThatIsNoLongerValidGivesNoRights) {
    const Policy policy({{{"token:*", "jwt:*", "uid:1"}, {"*"}, Role::read}}, Credentials{{"new", std::nullopt}});

    for (const char* name : {"token:a", "jwt:sub=a"}) {
        EXPECT_EQ(policy.role_of({.names = {name}, .credential = {"new"}}, "a"), Role::read);
        EXPECT_EQ(policy.role_of({.names = {name}, .credential = {"old"}}, "a"), Role::none);
        EXPECT_EQ(policy.role_of(named({name}), "a"), Role::none);
        EXPECT_FALSE(policy.knows({.names = {name}, .credential = {"old"}}));
        EXPECT_EQ(policy.role_of({.names = {name, "uid:1"}, .credential = {"old"}}, "a"), Role::read);
    }
}

TEST(Policy, EachTokenOfANameExpiresByItself) {
    const Policy policy({{{"token:ci"}, {"*"}, Role::read}},
                        Credentials{{"first", deadline}, {"second", std::nullopt}});
    const Identity first{.names = {"token:ci"}, .credential = {"first"}};
    const Identity second{.names = {"token:ci"}, .credential = {"second"}};

    EXPECT_EQ(policy.role_of(first, "a", deadline - 1s), Role::read);
    EXPECT_EQ(policy.role_of(first, "a", deadline), Role::none);
    EXPECT_EQ(policy.role_of(second, "a", deadline), Role::read);
    EXPECT_EQ(policy.next_expiry(deadline - 1s), deadline);
    EXPECT_EQ(policy.next_expiry(deadline), std::nullopt);
}

TEST(Policy, AJwtExpiresWithItsIdentity) {
    const Policy policy({{{"jwt:sub=ann", "uid:1"}, {"*"}, Role::read}}, Credentials{{"key", std::nullopt}});
    const Identity ann{.names = {"jwt:sub=ann"}, .credential = {"key", deadline}};

    EXPECT_EQ(policy.role_of(ann, "a", deadline - 1s), Role::read);
    EXPECT_EQ(policy.role_of(ann, "a", deadline), Role::none);
    EXPECT_TRUE(policy.knows(ann, deadline - 1s));
    EXPECT_FALSE(policy.knows(ann, deadline));
}

TEST(Policy, APatternOfCertificatesMatchesNamesOfItsKindOnly) {
    const std::vector<std::string> names{"cert:a.b.ci.example", "cert:spiffe://lab/x.ci.example",
                                         "cert:CN=x.ci.example", "cert:CN=urn:x.ci.example"};
    const std::vector<std::pair<std::string, std::vector<int>>> cases{
        {"cert:*.ci.example", {1, 0, 0, 0}},  // the wildcard crosses dots
        {"cert:*example", {1, 0, 0, 0}},
        {"cert:spiffe*", {0, 0, 0, 0}},
        {"cert:*://*.ci.example", {0, 1, 0, 0}},
        {"cert:*:*", {0, 1, 0, 0}},
        {"cert:*/x.ci.example", {0, 1, 0, 0}},
        {"cert:CN=*", {0, 0, 1, 1}},
        {"cert:CN=x.ci.example", {0, 0, 1, 0}},
        {"cert:*", {1, 1, 1, 1}},
        {"*", {1, 1, 1, 1}},
    };

    for (const auto& [who, matches] : cases) {
        ASSERT_TRUE(check_who(who)) << who;
        const Policy policy({{{who}, {"p"}, Role::read}});
        for (std::size_t i = 0; i < names.size(); ++i) {
            EXPECT_EQ(policy.role_of(named({names[i]}), "p") == Role::read, matches[i] == 1) << who << " " << names[i];
            EXPECT_EQ(policy.knows(named({names[i]})), matches[i] == 1) << who << " " << names[i];
        }
    }
}

TEST(Policy, KnowsWhoAnyRuleNames) {
    const Policy policy({{{"token:ci-*"}, {"a"}, Role::read}});

    EXPECT_TRUE(policy.knows(named({"uid:5", "token:ci-2"})));
    EXPECT_FALSE(policy.knows(named({"token:c"})));
    EXPECT_FALSE(policy.knows(named({})));
}

TEST(Rule, AcceptsTheKindsOfIdentities) {
    for (const char* who :
         {"*", "cert:*", "cert:spiffe://lab/*", "cert:CN=ann", "token:ci-?", "jwt:sub=ann@example.com",
          "jwt:group=d\u00e9v", "jwt:*", "uid:0", "uid:ann", "uid:*", "gid:dialout"}) {
        EXPECT_TRUE(check_who(who)) << who;
    }
    for (const char* ports : {"*", "rack1-*", "a?.b_c"}) EXPECT_TRUE(check_port_pattern(ports)) << ports;
}

TEST(Rule, RefusesAllElseAndNamesTheFix) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "must begin with 'cert:'"},
        {"**", "must begin with 'cert:'"},
        {"ann", "or be \"*\" for every identity"},
        {"tokens:ci", "did you mean 'token:'?"},
        {"token:", "matches nobody; write 'token:*'"},
        {"cert:a\nb", "has a control character"},
        {"uid:10*", "users and groups have no other patterns"},
        {"gid:a b", "users and groups have no other patterns"},
        {"cert:*=ann", "must be 'cert:CN=NAME', 'cert:DNS-NAME' or 'cert:SCHEME:...'"},
        {"jwt:ann", "must be 'jwt:sub=NAME' or 'jwt:group=NAME'"},
        {"token:" + std::string(pattern_bytes_max, 'a'), "at most 512 bytes"},
    };
    for (const auto& [who, message] : cases) {
        const auto checked = check_who(who);
        ASSERT_FALSE(checked) << who;
        EXPECT_NE(checked.error().message.find(message), std::string::npos) << checked.error().message;
    }
    for (const std::string& ports : {std::string(), std::string("a b"), std::string("[ab]"), std::string(65, 'a')})
        EXPECT_FALSE(check_port_pattern(ports)) << ports;
}

}  // namespace
}  // namespace vserd::access
