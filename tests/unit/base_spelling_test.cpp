#include "base/spelling.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vserd::base {
namespace {

TEST(Closest, SuggestsOnlyWhatIsNear) {
    EXPECT_EQ(closest("bauds", {"name", "baud", "device"}), "baud");
    EXPECT_EQ(closest("bytes_per_prot", {"bytes_per_port"}), "bytes_per_port");
    EXPECT_EQ(closest("x", {"name", "baud"}), "");
    EXPECT_EQ(closest("", {"name"}), "");
}

TEST(EditDistance, CountsChangesAndStopsAboveTheLimit) {
    EXPECT_EQ(edit_distance("board", "board", 3), 0U);
    EXPECT_EQ(edit_distance("board", "boards", 3), 1U);
    EXPECT_EQ(edit_distance("board", "baord", 3), 2U);
    EXPECT_EQ(edit_distance("", "abc", 3), 3U);
    EXPECT_EQ(edit_distance("board", "serial", 3), 4U) << "one above the limit, whatever it is";
    EXPECT_EQ(edit_distance(std::string(97, 'a'), std::string(97, 'a'), 3), 4U) << "too long to be compared";
}

}  // namespace
}  // namespace vserd::base
