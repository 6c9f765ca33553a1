#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "access/tokens.hpp"
#include "vserctl/options.hpp"
#include "vserctl/token.hpp"

namespace vserctl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::chrono::sys_days christmas{std::chrono::year{2026} / 12 / 25};

TEST(Token, TheServerTakesTheLineAndKnowsTheToken) {
    const auto made = new_token({"ci-1", "2027-01-01T00:00:00Z"});
    ASSERT_TRUE(made);

    vserd::access::FileReport report;
    const vserd::access::Tokens tokens(made->line + "\n", "t", christmas, report);

    EXPECT_TRUE(report.errors.empty());
    EXPECT_EQ(tokens.check(made->token, christmas).value().name, "ci-1");
    EXPECT_FALSE(tokens.check(made->token, christmas + 24h * 7));
    EXPECT_FALSE(tokens.check(made->sha256, christmas));
}

TEST(Token, IsRecognizableAndNeverTheSame) {
    const auto one = new_token({"a", ""});
    const auto other = new_token({"a", ""});

    EXPECT_TRUE(one->token.starts_with("vserd_"));
    EXPECT_EQ(one->token.size(), 6U + 43U);
    EXPECT_EQ(one->token.find_first_of("+/=. "), std::string::npos);
    EXPECT_NE(one->token, other->token);
    EXPECT_EQ(one->line, "a " + one->sha256);
}

TEST(Token, ExpiryIsADurationOrATime) {
    EXPECT_EQ(*parse_expiry("90d", christmas), "2027-03-25T00:00:00Z");
    EXPECT_EQ(*parse_expiry("104000d", christmas), "2311-09-23T00:00:00Z");
    EXPECT_EQ(*parse_expiry("12h", christmas), "2026-12-25T12:00:00Z");
    EXPECT_EQ(*parse_expiry("2027-02-03", christmas), "2027-02-03T00:00:00Z");
    EXPECT_EQ(*parse_expiry("2027-02-03T04:05:06Z", christmas), "2027-02-03T04:05:06Z");
    for (const char* text : {"", "soon", "2027-02-03T04:05:06+01:00", "2027-13-01", "-1d"})
        EXPECT_FALSE(parse_expiry(text, christmas)) << text;
}

TEST(Token, ExpiryMustBeInTheFuture) {
    for (const char* text : {"2026-12-25", "2026-12-25T00:00:00Z", "2020-01-01", "0s"}) {
        const auto refused = parse_expiry(text, christmas);
        ASSERT_FALSE(refused) << text;
        EXPECT_THAT(refused.error().message, HasSubstr("is not in the future")) << text;
    }
    EXPECT_TRUE(parse_expiry("2026-12-25T00:00:01Z", christmas));
}

TEST(Token, CommandLineIsChecked) {
    const auto good = parse_command_line({"token", "new", "ci-1", "--expires", "2999-02-03"});
    ASSERT_TRUE(good.options) << good.err;
    const auto& command = std::get<TokenCommand>(good.options->command);
    EXPECT_EQ(command.name, "ci-1");
    EXPECT_EQ(command.expires, "2999-02-03T00:00:00Z");

    EXPECT_THAT(parse_command_line({"token", "new", "a b"}).err, HasSubstr("NAME must be 1 to 64"));
    EXPECT_THAT(parse_command_line({"token", "new"}).err, HasSubstr("NAME is required"));
    EXPECT_THAT(parse_command_line({"token", "old", "a"}).err, HasSubstr("new"));
    EXPECT_THAT(parse_command_line({"token", "new", "a", "--expires", "soon"}).err, HasSubstr("--expires: 'soon'"));
}

}  // namespace
}  // namespace vserctl
