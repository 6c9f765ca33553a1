#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

const std::string some_tls = "[server.tls]\ncertificate = \"/a\"\nkey = \"/b\"\n";
const std::string some_rule = "[access]\n[[access.rule]]\nwho = [\"uid:1\"]\nports = [\"*\"]\nrole = \"read\"\n";

std::vector<std::string> web_problems(const std::string& text) {
    const auto result = parse(text, "f");
    std::vector<std::string> lines;
    if (result) return lines;
    for (const Problem& problem : result.error()) lines.push_back(to_string(problem));
    return lines;
}

/// The only problem; empty: there is not exactly one.
std::string web_problem(const std::string& text) {
    const auto problems = web_problems(text);
    return problems.size() == 1 ? problems.front() : std::string{};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(WebConfig, EveryKeyIsTakenOver) {
    const auto result = parse(some_tls + R"(
[web]
listen = ["127.0.0.1:8080", "[::1]:8080"]
tls = true
hosts = ["lab7.example", "https://lab7.example:8443"]
connections_max = 100
)",
                              "f");

    ASSERT_TRUE(result) << to_string(result.error().front());
    ASSERT_TRUE(result->web);
    EXPECT_EQ(result->web->listen, (std::vector<std::string>{"127.0.0.1:8080", "[::1]:8080"}));
    EXPECT_TRUE(result->web->tls);
    EXPECT_EQ(result->web->hosts, (std::vector<std::string>{"lab7.example", "https://lab7.example:8443"}));
    EXPECT_EQ(result->web->connections_max, 100U);
}

TEST(WebConfig, IsOffUnlessItHasAnAddressAndOnInTheDemo) {
    EXPECT_FALSE(parse("", "f")->web);
    EXPECT_FALSE(parse("[web]\nlisten = []\n", "f")->web);
    EXPECT_EQ(parse("[web]\n", "f")->warnings,
              (std::vector<std::string>{"[web] has no 'listen', so there is no page"}));
    ASSERT_TRUE(demo().web);
    EXPECT_EQ(demo().web->listen.front(), "127.0.0.1:8080");
}

TEST(WebConfig, AnAddressThatIsTakenIsNamedWithItsPlace) {
    EXPECT_TRUE(has(web_problem("[server]\nlisten = [\"127.0.0.1:1\"]\n[web]\nlisten = [\"127.0.0.1:1\"]\n"),
                    "f:4:11: 'listen' in [web] has '127.0.0.1:1', which is used already, by 'listen' in [server]"));
    EXPECT_TRUE(has(web_problem("[web]\nlisten = [\"127.0.0.1:1\", \"localhost:1\"]\n"), "by 'listen' in [web]"));
    EXPECT_TRUE(has(web_problem("[web]\nlisten = [\"127.0.0.1:1\"]\n[[port]]\nname = \"p\"\ndevice = \"sim:echo\"\n"
                                "[[port.listen]]\naddress = \"127.0.0.1:1\"\nprotocol = \"raw\"\n"),
                    "by 'listen' in [web]"));
    EXPECT_TRUE(has(web_problem("[server]\nlisten = [\"unix:/run/x\"]\n[web]\nlisten = [\"unix:/run/x\"]\n"),
                    "by 'listen' in [server]"));
    EXPECT_TRUE(has(web_problem("[web]\nlisten = [\"unix:web\"]\n"), "'listen' in [web]"));
    EXPECT_TRUE(has(web_problem("[web]\nlisten = [\"8080\"]\n"), "'listen' in [web]"));
}

TEST(WebConfig, MetricsMayHaveTheSameAddressWithTheSameProtection) {
    const std::string same = "[web]\nlisten = [\"127.0.0.1:9464\"]\n";

    EXPECT_TRUE(has_metrics_on_web(*parse(same, "f")));
    EXPECT_FALSE(has_metrics_on_web(*parse("[web]\nlisten = [\"127.0.0.1:1\"]\n", "f")));
    EXPECT_FALSE(
        has_metrics_on_web(*parse("[server]\nmetrics = \"127.0.0.1:0\"\n[web]\nlisten = [\"127.0.0.1:0\"]\n", "f")));
    EXPECT_TRUE(has(web_problem(some_tls + same + "tls = true\n"), "metrics_tls"));
    EXPECT_TRUE(
        has(web_problem("[web]\nlisten = [\"localhost:9464\"]\n"), "as '127.0.0.1:9464', by 'metrics' in [server]"));
}

TEST(WebConfig, OtherMachinesNeedTlsAndARule) {
    const std::string web = "[web]\nlisten = [\"0.0.0.0:8080\"]\n";

    EXPECT_TRUE(has(web_problem(web), "reachable from other machines without TLS"));
    EXPECT_TRUE(has(web_problem(some_tls + some_rule + web), "without TLS"));
    EXPECT_TRUE(has(web_problem(some_tls + web + "tls = true\n"), "add an [[access.rule]]"));
    EXPECT_TRUE(web_problems(some_tls + some_rule + web + "tls = true\n").empty());
    EXPECT_TRUE(web_problems("[server]\nallow_insecure_remote = true\n" + web).empty());
    EXPECT_TRUE(has(web_problem("[web]\nlisten = [\"127.0.0.1:1\"]\ntls = true\n"), "needs a certificate"));
}

TEST(WebConfig, LimitsAndNamesAreChecked) {
    const std::string web = "[web]\nlisten = [\"127.0.0.1:1\"]\n";

    for (const char* host : {"", "LAB", "lab/", "a b", "ftp://lab", "*"})
        EXPECT_TRUE(has(web_problem(web + "hosts = [\"" + host + "\"]\n"), "'hosts' in [web]")) << host;
    EXPECT_TRUE(web_problems(web + "hosts = [\"[::1]:8080\"]\n").empty());
    EXPECT_TRUE(has(web_problem(web + "connections_max = 7\n"), "connections_max"));
    EXPECT_TRUE(web_problems(web + "connections_max = 8\n").empty());
    EXPECT_TRUE(has(web_problem(web + "connections_max = 65537\n"), "connections_max"));
    EXPECT_TRUE(has(web_problem(web + "port = 80\n"), "unknown key 'port' in [web]"));
}

}  // namespace
}  // namespace vserd::config
