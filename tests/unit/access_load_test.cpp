#include "access/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "access/users.hpp"

namespace vserd::access {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class AccessLoad : public testing::Test {
protected:
    AccessLoad() : folder_(std::filesystem::temp_directory_path() / ("access_load_" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
    }
    ~AccessLoad() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& name, const std::string& text, mode_t mode) {
        const std::string path = folder_ / name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    static Loaded loaded(const std::optional<Settings>& settings) {
        return load(settings, std::chrono::system_clock::now());
    }

    std::filesystem::path folder_;
};

const std::string abc_line = "ci-1 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";

TEST_F(AccessLoad, WithoutTheSectionEverybodyMayDoEverything) {
    const Loaded result = loaded(std::nullopt);

    ASSERT_TRUE(result.authority);
    EXPECT_FALSE(result.authority->policy.is_enforced());
    EXPECT_THAT(files_of(std::nullopt), IsEmpty());
}

TEST_F(AccessLoad, TokensAndRulesWorkTogether) {
    Settings settings;
    settings.tokens_file = write("tokens", abc_line, 0640);
    settings.rules = {{{"token:ci-*"}, {"rack1-*"}, Role::write}};

    const Loaded result = loaded(settings);

    ASSERT_TRUE(result.authority);
    EXPECT_THAT(result.report.warnings, IsEmpty());
    const auto identity = result.authority->authenticator.bearer("abc", std::chrono::system_clock::now());
    ASSERT_TRUE(identity);
    EXPECT_EQ(result.authority->policy.role_of(*identity, "rack1-7"), Role::write);
    EXPECT_THAT(files_of(settings), ElementsAre(settings.tokens_file));
}

TEST_F(AccessLoad, ATokenThatLeavesTheFileLosesItsRights) {
    Settings settings;
    settings.tokens_file = write("tokens", abc_line, 0640);
    settings.rules = {{{"token:*"}, {"*"}, Role::write}};
    const Loaded before = loaded(settings);
    const auto identity = before.authority->authenticator.bearer("abc", std::chrono::system_clock::now());

    write("tokens", "# empty\n", 0640);
    const Loaded after = loaded(settings);

    ASSERT_TRUE(after.authority);
    EXPECT_EQ(after.authority->policy.role_of(*identity, "a"), Role::none);
    EXPECT_NE(after.digest, before.digest);
    EXPECT_EQ(loaded(settings).digest, after.digest);
}

TEST_F(AccessLoad, AnotherTokenOfTheSameNameEndsTheRightsOfTheFirst) {
    Settings settings;
    const std::string other_line = "ci-1 " + std::string(64, '0') + "\n";
    settings.tokens_file = write("tokens", abc_line + other_line, 0640);
    settings.rules = {{{"token:*"}, {"*"}, Role::write}};
    const auto identity = loaded(settings).authority->authenticator.bearer("abc", std::chrono::system_clock::now());
    ASSERT_TRUE(identity);
    EXPECT_EQ(loaded(settings).authority->policy.role_of(*identity, "a"), Role::write);

    write("tokens", other_line, 0640);

    EXPECT_EQ(loaded(settings).authority->policy.role_of(*identity, "a"), Role::none);
    EXPECT_THAT(loaded(settings).token_names, ElementsAre("ci-1"));
}

TEST_F(AccessLoad, AnErrorInAnyFileGivesNoAuthority) {
    Settings settings;
    settings.rules = {{{"*"}, {"*"}, Role::read}};
    settings.tokens_file = write("tokens", "x y\n", 0640);
    settings.jwt = JwtSettings{folder_ / "missing", "i", "a"};

    const Loaded result = loaded(settings);

    EXPECT_FALSE(result.authority);
    ASSERT_EQ(result.report.errors.size(), 2U);
    EXPECT_THAT(result.report.errors[0], HasSubstr("/tokens:1:3: the SHA-256 of a token must be"));
    EXPECT_THAT(result.report.errors[1],
                AllOf(StartsWith("'jwks' in [access.jwt]: "), HasSubstr("/missing: cannot be opened: No such file")));
}

TEST_F(AccessLoad, FilesThatEverybodyCanReadOrWriteAreAWarning) {
    Settings settings;
    settings.rules = {{{"*"}, {"*"}, Role::read}};

    settings.tokens_file = write("readable", abc_line, 0644);
    EXPECT_THAT(loaded(settings).report.warnings,
                ElementsAre(HasSubstr("every user of this machine can read this file; chmod 640")));
    settings.tokens_file = write("writable", abc_line, 0646);
    EXPECT_THAT(loaded(settings).report.warnings,
                ElementsAre(HasSubstr("every user of this machine can write this file")));
}

TEST_F(AccessLoad, NoRulesAreAWarning) {
    EXPECT_THAT(loaded(Settings{}).report.warnings,
                ElementsAre("[access] has no [[access.rule]], so nobody may do anything"));
}

TEST(UserNumbers, AreAddedToTheNames) {
    FileReport report;
    const auto rules = with_user_numbers(
        {{{"uid:root", "gid:root", "uid:7", "uid:*", "token:root", "gid:no-such-group"}, {"*"}, Role::read}}, report);

    EXPECT_THAT(rules.at(0).who, ElementsAre("uid:root", "gid:root", "uid:7", "uid:*", "token:root",
                                             "gid:no-such-group", "uid:0", "gid:0"));
    EXPECT_THAT(report.warnings, ElementsAre(HasSubstr("'gid:no-such-group' does not exist on this machine")));
}

}  // namespace
}  // namespace vserd::access
