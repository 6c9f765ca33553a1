#include <gtest/gtest.h>

#include <map>
#include <string>

#include "vser_client/label_selector.hpp"

namespace vser::client {
namespace {

const std::map<std::string, std::string> board{{"rack", "3"}, {"board", "rpi4"}, {"usb", ""}};

TEST(LabelSelector, AllTermsMustHold) {
    const std::map<std::string, bool> expected{{"rack=3", true},
                                               {"rack==3", true},
                                               {"rack=4", false},
                                               {"rack!=4", true},
                                               {"rack!=3", false},
                                               {"row!=1", true},
                                               {"usb", true},
                                               {"usb=", true},
                                               {"row", false},
                                               {"!row", true},
                                               {"!usb", false},
                                               {"rack=3,board=rpi4", true},
                                               {"rack=3,board=x", false},
                                               {" rack = 3 , !row", true},
                                               {"rack=3,!board", false}};
    for (const auto& [text, matches] : expected) {
        const auto selector = LabelSelector::parse(text);
        ASSERT_TRUE(selector) << text;
        EXPECT_EQ(selector->matches(board), matches) << text;
    }
}

TEST(LabelSelector, MistakesNameTheTerm) {
    for (const std::string text :
         {"", ",", "rack=3,", "=3", "!", "!=3", "a b", "rack=3=4", "rack in (3,4)", "!rack=3"}) {
        const auto selector = LabelSelector::parse(text);
        ASSERT_FALSE(selector) << text;
        EXPECT_EQ(selector.error().code, Code::invalid_argument);
        EXPECT_NE(selector.error().message.find("does not select labels"), std::string::npos);
    }
}

}  // namespace
}  // namespace vser::client
