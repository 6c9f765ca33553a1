#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config.hpp"

namespace vserd::config {
namespace {

using access::Role;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> access_problems(const std::string& text) {
    const auto result = parse(text, "f");
    std::vector<std::string> lines;
    if (result) return lines;
    for (const Problem& problem : result.error()) lines.push_back(to_string(problem));
    return lines;
}

TEST(AccessConfig, EveryKeyIsTakenOver) {
    const auto result = parse(R"(
[access]
tokens = "/etc/vserd/tokens"
jwt = {jwks = "/etc/vserd/jwks.json", issuer = "https://id.example", audience = "vserd"}
audit = "/var/log/vserd/audit.json"
audit_required = true
common_name = true
[[access.rule]]
who = ["cert:spiffe://lab/*", "uid:1000"]
ports = ["rack1-*"]
role = "write"
[[access.rule]]
who = "token:ops"
ports = "*"
role = "admin"
[[port]]
name = "a"
device = "sim:echo"
[[port.listen]]
address = "127.0.0.1:7001"
protocol = "raw"
role = "read"
)",
                              "f");

    ASSERT_TRUE(result) << to_string(result.error().front());
    ASSERT_TRUE(result->access);
    access::Settings want;
    want.tokens_file = "/etc/vserd/tokens";
    want.jwt = {"/etc/vserd/jwks.json", "https://id.example", "vserd"};
    want.audit = "/var/log/vserd/audit.json";
    want.audit_required = true;
    want.common_name = true;
    want.rules = {{{"cert:spiffe://lab/*", "uid:1000"}, {"rack1-*"}, Role::write}, {{"token:ops"}, {"*"}, Role::admin}};
    EXPECT_EQ(*result->access, want);
    EXPECT_EQ(result->ports.at(0).listen.at(0).role, Role::read);
}

TEST(AccessConfig, WithoutTheSectionThereIsNone) { EXPECT_FALSE(parse("", "f")->access); }

TEST(AccessConfig, AnEmptySectionHasNoRules) {
    const auto result = parse("[access]\n", "f");

    ASSERT_TRUE(result);
    EXPECT_EQ(result->access, access::Settings{});
}

struct AccessCase {
    const char* name;
    std::string text;
    std::vector<std::string> problems;
};
void PrintTo(const AccessCase& c, std::ostream* out) { *out << c.name; }

class AccessProblem : public testing::TestWithParam<AccessCase> {};

TEST_P(AccessProblem, IsReportedWithPlaceAndFix) { EXPECT_EQ(access_problems(GetParam().text), GetParam().problems); }

/// The rule begins in line 1; its lines 2 to 4 are who, ports and role.
std::string rule(const std::string& who, const std::string& ports, const std::string& role) {
    return "[[access.rule]]\nwho = " + who + "\nports = " + ports + "\nrole = " + role + "\n";
}

const std::vector<AccessCase> access_cases{
    {"misspelt_key", "[access]\ntoken = \"/t\"\n", {"f:2:1: unknown key 'token' in [access]; did you mean 'tokens'?"}},
    {"relative_tokens",
     "[access]\ntokens = \"t\"\n",
     {"f:2:10: 'tokens' in [access] must be the absolute path of a file"}},
    {"audit_word",
     "[access]\naudit = \"syslog\"\n",
     {"f:2:9: 'audit' in [access] must be \"journal\" or the absolute path of a file"}},
    {"jwt_without_keys",
     "[access]\njwt = {}\n",
     {"f:2:7: 'jwt' of [access] needs 'jwks'", "f:2:7: 'jwt' of [access] needs 'issuer'",
      "f:2:7: 'jwt' of [access] needs 'audience'"}},
    {"jwt_with_empty_issuer",
     "[access]\njwt = {jwks = \"/j\", issuer = \"\", audience = \"a\"}\n",
     {"f:2:30: 'issuer' in 'jwt' of [access] is empty; tokens must name it"}},
    {"rule_as_one_table",
     "[access.rule]\nwho = \"*\"\n",
     {"f:1:1: there may be several of rule: write [[rule]], not [rule]"}},
    {"rule_without_keys",
     "[[access.rule]]\n",
     {"f:1:1: [[access.rule]] needs 'who'", "f:1:1: [[access.rule]] needs 'ports'",
      "f:1:1: [[access.rule]] needs 'role': list, read, write, control or admin"}},
    {"empty_who", rule("[]", "\"*\"", "\"read\""), {"f:2:7: 'who' in [[access.rule]] is empty; remove the rule"}},
    {"unknown_kind",
     rule("[\"uid:1\", \"user:ann\"]", "\"*\"", "\"read\""),
     {"f:2:17: 'who' in [[access.rule]]: 'user:ann' must begin with 'cert:', 'token:', 'jwt:', 'uid:' or 'gid:', or be "
      "\"*\" for every identity"}},
    {"dns_name_in_capitals",
     rule("\"cert:*.Example\"", "\"*\"", "\"read\""),
     {"f:2:7: 'who' in [[access.rule]]: 'cert:*.Example' must be in lower case, as DNS names of certificates are "
      "compared; a common name is 'cert:CN=NAME'"}},
    {"bad_port_glob",
     rule("\"*\"", "[\"rack[12]-*\"]", "\"read\""),
     {"f:3:10: 'ports' in [[access.rule]]: 'rack[12]-*' must be a port's name, or a pattern of 1 to 64 of A-Z, a-z, "
      "0-9, "
      "'.', '_', '-', '*' and '?'"}},
    {"bad_role",
     rule("\"*\"", "\"*\"", "\"wirte\""),
     {"f:4:8: 'role' in [[access.rule]] must be list, read, write, control or admin, not 'wirte'; did you mean "
      "'write'?"}},
    {"role_none",
     rule("\"*\"", "\"*\"", "\"none\""),
     {"f:4:8: 'role' in [[access.rule]] must be list, read, write, control or admin, not 'none'"}},
    {"unknown_key_of_a_rule",
     rule("\"*\"", "\"*\"", "\"read\"") + "port = \"a\"\n",
     {"f:5:1: unknown key 'port' in [[access.rule]]; did you mean 'ports'?"}},
};
INSTANTIATE_TEST_SUITE_P(Access, AccessProblem, testing::ValuesIn(access_cases),
                         [](const auto& i) { return i.param.name; });

TEST(AccessConfig, RulesHaveALimit) {
    std::string rules;
    for (std::size_t i = 0; i < access::rules_max; ++i) rules += rule("\"uid:1\"", "\"a\"", "\"read\"");

    EXPECT_TRUE(parse(rules, "f"));
    EXPECT_THAT(access_problems(rules + rule("\"uid:1\"", "\"a\"", "\"read\"")),
                ElementsAre(HasSubstr("there are 10001 of [[access.rule]], more than 10000; use patterns")));
}

}  // namespace
}  // namespace vserd::config
