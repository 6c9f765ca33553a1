#include <gtest/gtest.h>

#include <string>

#include "config/config.hpp"

namespace vserd::config {
namespace {

ParseResult port_with(const std::string& labels) {
    return parse("[[port]]\nname = \"p\"\ndevice = \"sim:echo\"\nlabels = " + labels + "\n", "f");
}

TEST(LabelsConfig, AreTakenOver) {
    const auto result = port_with(R"({ rack = "3", "lab.example/board" = "rpi4", usb = "" })");

    ASSERT_TRUE(result) << to_string(result.error().front());
    const base::Labels want{{"rack", "3"}, {"lab.example/board", "rpi4"}, {"usb", ""}};
    EXPECT_EQ(result->ports.at(0).labels, want);
}

TEST(LabelsConfig, MistakesAreExplained) {
    std::string many = "{ a = \"1\"";
    for (int i = 0; i < 16; ++i) many += ", k" + std::to_string(i) + " = \"v\"";
    const std::pair<std::string, std::string> mistakes[] = {
        {R"("rack=3")", "labels"},
        {R"({ rack = 3 })", "'rack'"},
        {R"({ "a b" = "1" })", "label 'a b' = '1'"},
        {R"({ "" = "1" })", "label '' = '1'"},
        {R"({ "-a" = "1" })", "a key begins with a letter or digit"},
        {R"({ a = "b c" })", "label 'a' = 'b c'"},
        {"{ a = \"" + std::string(64, 'x') + "\" }", "at most 63"},
        {many + " }", "has 17 labels; the maximum is 16"},
    };
    for (const auto& [labels, message] : mistakes) {
        const auto result = port_with(labels);
        ASSERT_FALSE(result) << labels;
        EXPECT_NE(to_string(result.error().front()).find(message), std::string::npos)
            << labels << ": " << to_string(result.error().front());
    }
}

}  // namespace
}  // namespace vserd::config
