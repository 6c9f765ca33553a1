#include "base/address_set.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace vserd::base {
namespace {

TEST(ParseAddress, KnowsWhatOnlyThisMachineReaches) {
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

TEST(ParseAddress, RefusesWhatItCannotRead) {
    for (const char* text :
         {"", ":", ":1", "localhost", "localhost:", "localhost:65536", "localhost:-1", "localhost:1x", "::1:1", "[::1]",
          "[::1:1", "[]:1", "[localhost]:1", "a b:1", "unix:", "unix:relative"}) {
        EXPECT_FALSE(parse_address(text)) << text;
    }
}

TEST(ParseAddress, BoundsThePathOfAUnixSocket) {
    EXPECT_TRUE(parse_address("unix:/" + std::string(106, 'x')));
    EXPECT_FALSE(parse_address("unix:/" + std::string(107, 'x')));
}

/// Whether vserd can listen on both.
bool both(const std::string& first, const std::string& second) {
    AddressSet set;
    EXPECT_EQ(set.add(first, parse_address(first).value(), "first"), nullptr);
    const auto* other = set.add(second, parse_address(second).value(), "second");
    EXPECT_TRUE(other == nullptr || (other->text == first && other->place == "first"));
    return other == nullptr;
}

TEST(AddressSet, FindsAddressesThatCannotBothBeBound) {
    for (const auto& [first, second] : std::vector<std::pair<std::string, std::string>>{
             {"127.0.0.1:1", "127.0.0.1:1"},
             {"127.0.0.1:1", "0.0.0.0:1"},
             {"127.0.0.1:1", "[::]:1"},
             {"127.0.0.1:1", "localhost:1"},
             {"127.0.0.1:1", "127.1:1"},
             {"127.0.0.1:1", "[::ffff:127.0.0.1]:1"},
             {"localhost:1", "LOCALHOST:1"},
             {"localhost:1", "0.0.0.0:1"},
             {"localhost:1", "[::1]:1"},
             {"[::]:1", "0.0.0.0:1"},
             {"[::]:1", "example.org:1"},
             {"[::1]:1", "[0:0::1]:1"},
             {"example.org:1", "Example.org:1"},
             {"unix:/run/a", "unix:///run/b/../a"},
         }) {
        EXPECT_FALSE(both(first, second)) << first << " " << second;
        EXPECT_FALSE(both(second, first)) << first << " " << second;
    }
}

TEST(AddressSet, KeepsAddressesThatCanBothBeBound) {
    for (const auto& [first, second] : std::vector<std::pair<std::string, std::string>>{
             {"127.0.0.1:1", "127.0.0.1:2"},
             {"127.0.0.1:1", "127.0.0.2:1"},
             {"127.0.0.1:1", "[::1]:1"},
             {"0.0.0.0:1", "[::1]:1"},
             {"0.0.0.0:0", "0.0.0.0:0"},
             {"example.org:1", "example.com:1"},
             {"unix:/run/a", "unix:/run/b"},
         }) {
        EXPECT_TRUE(both(first, second)) << first << " " << second;
        EXPECT_TRUE(both(second, first)) << first << " " << second;
    }
}

}  // namespace
}  // namespace vserd::base
