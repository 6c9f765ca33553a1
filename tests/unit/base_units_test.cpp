#include "base/units.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace vserd::base {
namespace {

using namespace std::chrono_literals;

TEST(ParseSize, TakesWholeNumbersWithAUnit) {
    EXPECT_EQ(*parse_size("0B"), 0);
    EXPECT_EQ(*parse_size("512B"), 512);
    EXPECT_EQ(*parse_size("64KiB"), 65536);
    EXPECT_EQ(*parse_size("1MiB"), 1048576);
    EXPECT_EQ(*parse_size("8589934591GiB"), 8589934591 * (std::int64_t{1} << 30));
}

TEST(ParseSize, RefusesAllElse) {
    for (const char* text : {"", "B", "1", "-1B", "+1B", "1.5MiB", "1 MiB", "1mib", "1MB", "1MiBx", "8589934592GiB",
                             "99999999999999999999B", "0x10B"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(ParseSize, IsWrittenInTheLargestUnitThatDivides) {
    EXPECT_EQ(size_text(0), "0B");
    EXPECT_EQ(size_text(1023), "1023B");
    EXPECT_EQ(size_text(4096), "4KiB");
    EXPECT_EQ(size_text(std::int64_t{3} << 30), "3GiB");
}

TEST(ParseDuration, TakesWholeNumbersWithAUnit) {
    EXPECT_EQ(*parse_duration("250ms"), 250ms);
    EXPECT_EQ(*parse_duration("5s"), 5s);
    EXPECT_EQ(*parse_duration("2m"), 2min);
    EXPECT_EQ(*parse_duration("2min"), 2min);
    EXPECT_EQ(*parse_duration("2h"), 2h);
    for (const char* text : {"", "5", "s", "-5s", "5 s", "1d", "9223372036854775807m"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

}  // namespace
}  // namespace vserd::base
