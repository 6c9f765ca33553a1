#include "config/values.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace vserd::config {
namespace {

using namespace std::chrono_literals;

TEST(ConfigSize, TakesWholeNumbersWithAUnit) {
    EXPECT_EQ(*parse_size("0B"), 0);
    EXPECT_EQ(*parse_size("512B"), 512);
    EXPECT_EQ(*parse_size("64KiB"), 65536);
    EXPECT_EQ(*parse_size("1MiB"), 1048576);
    EXPECT_EQ(*parse_size("8589934591GiB"), 8589934591 * (std::int64_t{1} << 30));
}

TEST(ConfigSize, RefusesAllElse) {
    for (const char* text : {"", "B", "1", "-1B", "+1B", "1.5MiB", "1 MiB", "1mib", "1MB", "1MiBx", "8589934592GiB",
                             "99999999999999999999B", "0x10B"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(ConfigSize, IsWrittenInTheLargestUnitThatDivides) {
    EXPECT_EQ(size_text(0), "0B");
    EXPECT_EQ(size_text(1023), "1023B");
    EXPECT_EQ(size_text(4096), "4KiB");
    EXPECT_EQ(size_text(std::int64_t{3} << 30), "3GiB");
}

TEST(ConfigDuration, TakesWholeNumbersWithAUnit) {
    EXPECT_EQ(*parse_duration("250ms"), 250ms);
    EXPECT_EQ(*parse_duration("5s"), 5s);
    EXPECT_EQ(*parse_duration("2m"), 2min);
    EXPECT_EQ(*parse_duration("2min"), 2min);
    EXPECT_EQ(*parse_duration("2h"), 2h);
    for (const char* text : {"", "5", "s", "-5s", "5 s", "1d", "9223372036854775807m"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(ConfigAddress, KnowsWhatOnlyThisMachineReaches) {
    EXPECT_EQ(*parse_address("127.0.0.1:50051"), (Address{"127.0.0.1", 50051, false, true}));
    EXPECT_EQ(*parse_address("127.8.9.1:0"), (Address{"127.8.9.1", 0, false, true}));
    EXPECT_EQ(*parse_address("localhost:1"), (Address{"localhost", 1, false, true}));
    EXPECT_EQ(*parse_address("[::1]:65535"), (Address{"::1", 65535, false, true}));
    EXPECT_TRUE(parse_address("[::ffff:127.0.0.1]:1")->local);
    EXPECT_EQ(*parse_address("unix:/run/v.sock"), (Address{"/run/v.sock", 0, true, true}));

    for (const char* text : {"0.0.0.0:1", "[::]:1", "192.168.1.1:1", "example.org:1", "127.evil.org:1",
                             "[::ffff:10.0.0.1]:1", "localhost.evil.org:1"}) {
        EXPECT_FALSE(parse_address(text)->local) << text;
    }
}

TEST(ConfigAddress, RefusesWhatItCannotRead) {
    for (const char* text :
         {"", ":", ":1", "localhost", "localhost:", "localhost:65536", "localhost:-1", "localhost:1x", "::1:1", "[::1]",
          "[::1:1", "[]:1", "[localhost]:1", "a b:1", "unix:", "unix:relative"}) {
        EXPECT_FALSE(parse_address(text)) << text;
    }
}

TEST(ConfigAddress, BoundsThePathOfAUnixSocket) {
    EXPECT_TRUE(parse_address("unix:/" + std::string(106, 'x')));
    EXPECT_FALSE(parse_address("unix:/" + std::string(107, 'x')));
}

TEST(ConfigClosest, SuggestsOnlyWhatIsNear) {
    EXPECT_EQ(closest("bauds", {"name", "baud", "device"}), "baud");
    EXPECT_EQ(closest("bytes_per_prot", {"bytes_per_port"}), "bytes_per_port");
    EXPECT_EQ(closest("x", {"name", "baud"}), "");
    EXPECT_EQ(closest("", {"name"}), "");
}

}  // namespace
}  // namespace vserd::config
