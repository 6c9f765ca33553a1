#include "base/time_text.hpp"

#include <gtest/gtest.h>

namespace vserd::base {
namespace {

std::string normal(std::string_view text) {
    const auto time = parse_time(text);
    return time ? time_text(*time) : time.error().message;
}

TEST(ParseTime, TakesRfc3339AndDates) {
    EXPECT_EQ(normal("2026-12-31"), "2026-12-31T00:00:00Z");
    EXPECT_EQ(normal("2026-12-31T23:59:59Z"), "2026-12-31T23:59:59Z");
    EXPECT_EQ(normal("2026-12-31t23:59:59z"), "2026-12-31T23:59:59Z");
    EXPECT_EQ(normal("2026-12-31T23:59:59.123456789Z"), "2026-12-31T23:59:59Z");
    EXPECT_EQ(normal("2026-12-31T23:59:59+02:00"), "2026-12-31T21:59:59Z");
    EXPECT_EQ(normal("2026-12-31T23:59:59-00:30"), "2027-01-01T00:29:59Z");
    EXPECT_EQ(normal("2024-02-29"), "2024-02-29T00:00:00Z");
    EXPECT_EQ(parse_time("1970-01-02")->time_since_epoch(), std::chrono::days{1});
}

TEST(ParseTime, RefusesAllElseAndShowsTheGrammar) {
    for (const char* text :
         {"", "2026", "2026-13-01", "2026-00-01", "2026-02-29", "2026-1-1", "2026-12-31T", "2026-12-31T23:59Z",
          "2026-12-31T23:59:59", "2026-12-31T24:00:00Z", "2026-12-31T23:60:00Z", "2026-12-31T23:59:59.Z",
          "2026-12-31T23:59:59+2", "2026-12-31T23:59:59+24:00", "2026-12-31T23:59:59Zx", "2026-12-31 ", "never"}) {
        const auto time = parse_time(text);
        ASSERT_FALSE(time) << text;
        EXPECT_NE(time.error().message.find("2026-12-31T23:59:59Z"), std::string::npos);
    }
}

}  // namespace
}  // namespace vserd::base
