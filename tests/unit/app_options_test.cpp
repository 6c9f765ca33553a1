#include "app/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vserd {
namespace {

using testing::StrEq;

/// What a wrong command line prints on standard error.
std::string complaint(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "vserd");
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    int exit_code = 0;
    testing::internal::CaptureStderr();
    EXPECT_FALSE(parse_options(static_cast<int>(pointers.size()), pointers.data(), exit_code));
    EXPECT_EQ(exit_code, 2);
    return testing::internal::GetCapturedStderr();
}

TEST(Options, ErrorsNameTheArgumentAndTheFix) {
    EXPECT_THAT(complaint({}), StrEq("vserd: give --config FILE, or --demo to try vserd with simulated ports\n"
                                     "Try: vserd --help\n"));
    EXPECT_THAT(complaint({"--confg", "x"}), StrEq("vserd: unknown option --confg; did you mean --config?\n"
                                                   "Try: vserd --help\n"));
    EXPECT_THAT(complaint({"vserd.toml"}), StrEq("vserd: 'vserd.toml' is not a command: check, import, pki; to serve "
                                                 "the ports of a file: vserd --config FILE\nTry: vserd --help\n"));
    EXPECT_THAT(complaint({"--config"}), StrEq("vserd: --config needs a value: FILE\nTry: vserd --help\n"));
    EXPECT_THAT(complaint({"check"}), StrEq("vserd: FILE is required\nTry: vserd check --help\n"));
    EXPECT_THAT(complaint({"pki"}),
                StrEq("vserd: a command is required: init, server, client\nTry: vserd pki --help\n"));
    EXPECT_THAT(complaint({"pki", "init", "d", "--nme", "x"}),
                StrEq("vserd: unknown option --nme; did you mean --name?\nTry: vserd pki init --help\n"));
}

}  // namespace
}  // namespace vserd
