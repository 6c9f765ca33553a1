#include "base/usage.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace vserd::base {
namespace {

TEST(Usage, AnUnknownOptionIsNamedWithTheOneThatWasMeant) {
    const std::vector<std::string> options{"--config", "--demo"};

    EXPECT_EQ(unexpected_argument("--confg", options), "unknown option --confg; did you mean --config?");
    EXPECT_EQ(unexpected_argument("--confg=x", options), "unknown option --confg; did you mean --config?");
    EXPECT_EQ(unexpected_argument("--nonsense", options), "unknown option --nonsense");
    EXPECT_EQ(unexpected_argument("x", options), "unexpected argument 'x'; quote an argument that contains spaces");
}

TEST(Usage, AMissingValueIsNamed) {
    EXPECT_EQ(missing_value("--config: 1 required FILE missing"), "--config needs a value: FILE");
    EXPECT_EQ(missing_value("DIR is required"), "DIR is required");
}

TEST(Counted, OneHasNoPlural) {
    EXPECT_EQ(counted(0, "port"), "0 ports");
    EXPECT_EQ(counted(1, "port"), "1 port");
    EXPECT_EQ(counted(2, "port"), "2 ports");
}

}  // namespace
}  // namespace vserd::base
