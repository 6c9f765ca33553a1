#include "app/serving_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vserd {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Advice, CommandsNameTheServerUnlessItIsTheOneThatVserctlAsksByDefault) {
    EXPECT_THAT(advice("127.0.0.1:50051", true, ""), HasSubstr("  vserctl ports           list the ports\n"));
    EXPECT_THAT(advice("127.0.0.1:7", false, ""),
                HasSubstr("  vserctl -s 127.0.0.1:7 ports           list the ports\n"));
}

TEST(Advice, OffersOnlyWhatIsServed) {
    const auto everything = advice("127.0.0.1:50051", true, "http://127.0.0.1:8080/");

    EXPECT_THAT(everything, HasSubstr("Open http://127.0.0.1:8080/ in a browser.\n"));
    EXPECT_THAT(everything, HasSubstr("  telnet 127.0.0.1 7002   the same device\n"));
    EXPECT_THAT(advice("127.0.0.1:50051", false, ""), Not(HasSubstr("telnet")));
    EXPECT_THAT(advice("127.0.0.1:50051", false, ""), Not(HasSubstr("browser")));
}

}  // namespace
}  // namespace vserd
