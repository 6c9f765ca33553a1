#include "access/tokens.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vserd::access {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr std::chrono::sys_days new_year{std::chrono::year{2027} / 1 / 1};
const std::string hash_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-2
const std::string hash_of_nothing = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";

struct File {
    FileReport report;
    Tokens tokens;

    explicit File(std::string_view text) : tokens(text, "t", new_year, report) {}
};

TEST(Tokens, AreFoundByTheHashOfWhatIsPresented) {
    const File file("# comment\n\n  ci-1\t" + hash_of_abc + " # another\r\nann@example.com " + hash_of_nothing +
                    " 2027-01-02\n");

    EXPECT_THAT(file.report.errors, IsEmpty());
    EXPECT_THAT(file.report.warnings, IsEmpty());
    EXPECT_EQ(file.tokens.check("abc", new_year).value().name, "ci-1");
    EXPECT_EQ(file.tokens.check("", new_year).value().name, "ann@example.com");
    for (const std::string_view wrong : {std::string_view("abd"), std::string_view("abc\0", 4),
                                         std::string_view(" abc"), std::string_view(hash_of_abc)}) {
        const auto refused = file.tokens.check(wrong, new_year);
        ASSERT_FALSE(refused) << wrong;
        EXPECT_EQ(refused.error().failure, Failure::unauthenticated);
        EXPECT_THAT(refused.error().message, HasSubstr("unknown"));
    }
}

TEST(Tokens, ExpireAtTheMoment) {
    const File file("a " + hash_of_abc + " 2027-01-01T00:00:01Z\n");

    EXPECT_TRUE(file.tokens.check("abc", new_year));
    const auto refused = file.tokens.check("abc", std::chrono::sys_seconds(new_year) + 1s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "the token 'a' expired on 2027-01-01T00:00:01Z; ask for a new one");
}

TEST(Tokens, MayExpireInAnyYear) {
    const File file("late " + hash_of_abc + " 9999-12-31\nearly " + hash_of_nothing + " 0001-01-01\n");

    EXPECT_EQ(file.tokens.check("abc", new_year).value().name, "late");
    EXPECT_FALSE(file.tokens.check("", new_year));
}

TEST(Tokens, EachLineIsACredentialWithItsExpiry) {
    const File file("a " + hash_of_abc + " 2027-03-01\na " + hash_of_nothing + "\n");
    const std::string first = credential_id(file.tokens.check("abc", new_year).value());
    const std::string second = credential_id(file.tokens.check("", new_year).value());

    EXPECT_THAT(file.tokens.credentials(),
                UnorderedElementsAre(Pair(first, Optional(std::chrono::sys_days(std::chrono::year{2027} / 3 / 1))),
                                     Pair(second, std::nullopt)));
}

TEST(Tokens, AnExpiredLineIsAWarning) {
    const File file("old " + hash_of_abc + " 2026-12-31\n");

    EXPECT_THAT(file.report.errors, IsEmpty());
    EXPECT_THAT(file.report.warnings, ElementsAre("t:1:70: token 'old' has expired"));
}

TEST(Tokens, OneNameMayHaveTwoTokensWhileOneReplacesTheOther) {
    const File file("a " + hash_of_abc + "\na " + hash_of_nothing + "\n");

    EXPECT_EQ(file.tokens.check("abc", new_year).value().name, "a");
    EXPECT_EQ(file.tokens.check("", new_year).value().name, "a");
}

struct BadLine {
    std::string line;
    std::string error;
};

TEST(Tokens, ErrorsNamePlaceAndFix) {
    const std::string secret = "vserd_secret";
    const std::vector<BadLine> cases{
        {"a", "t:1:2: the SHA-256 of the token is missing; `vserctl token new NAME` prints a whole line"},
        {"  a/b " + hash_of_abc, "t:1:3: a token's name must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'"},
        {std::string(65, 'a') + " " + hash_of_abc, "t:1:1: a token's name must be 1 to 64"},
        {"a\x01 " + hash_of_abc + " 2020-01-01", "t:1:1: a token's name must be 1 to 64"},
        {"a " + secret, "t:1:3: the SHA-256 of a token must be 64 hexadecimal digits"},
        {"a " + hash_of_abc.substr(1) + "g", "t:1:3: the SHA-256 of a token must be 64 hexadecimal digits"},
        {"a " + hash_of_abc + " soon", "t:1:68: 'soon' is not a time"},
        {"a " + hash_of_abc + " 2027-01-02 00:00", "t:1:79: nothing may follow the time of expiry"},
        {"a " + hash_of_abc + "\nb " + hash_of_abc, "t:2:3: this token is in line 1 already; each needs its own"},
    };

    for (const BadLine& c : cases) {
        const File file(c.line);
        ASSERT_EQ(file.report.errors.size(), 1U) << c.line;
        EXPECT_THAT(file.report.errors[0], HasSubstr(c.error));
        EXPECT_THAT(file.report.errors[0], testing::Not(HasSubstr(secret)));
        EXPECT_THAT(file.report.warnings, IsEmpty());
    }
}

TEST(Tokens, HaveALimit) {
    std::string text;
    for (std::size_t i = 0; i < tokens_max; ++i)
        text += "a " + std::string(60, '0') + std::to_string(1000 + i).substr(0, 4) + "\n";
    const File file(text);

    EXPECT_EQ(file.tokens.size(), tokens_max);
    EXPECT_THAT(File(text + "b " + hash_of_abc).report.errors,
                ElementsAre("t:4097:1: there are more than 4096 tokens"));
}

}  // namespace
}  // namespace vserd::access
