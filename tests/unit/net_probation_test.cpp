#include "net/probation.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/tcp_pair.hpp"

namespace vserd::net {
namespace {

using namespace std::chrono_literals;
using test::connect_pair;
using test::TcpPair;

class ProbationTest : public ::testing::Test {
protected:
    /// A connection comes; whether it is let in at once.
    bool comes(std::size_t listener = 0) {
        pairs.push_back(connect_pair());
        return probation.admit(std::move(pairs.back().server), listener, now).has_value();
    }
    std::size_t let_in() {
        std::size_t count = 0;
        while (probation.next(now)) ++count;
        return count;
    }
    std::string own_address() {
        const TcpPair pair = connect_pair();
        return peer_address(pair.server.get());
    }

    Probation probation;
    Probation::Clock::time_point now = Probation::Clock::now();
    std::vector<TcpPair> pairs;
};

TEST_F(ProbationTest, AnAddressInGoodStandingDoesNotWait) {
    probation.punish("elsewhere", now);

    EXPECT_TRUE(comes());
    EXPECT_TRUE(comes());
    EXPECT_TRUE(probation.empty());
}

TEST_F(ProbationTest, AnOffendersConnectionsComeInOneByOne) {
    probation.punish(own_address(), now);

    EXPECT_FALSE(comes(7));
    EXPECT_FALSE(comes(7));
    EXPECT_EQ(let_in(), 0U);
    now += 200ms;
    auto first = probation.next(now);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->listener, 7U);
    EXPECT_EQ(let_in(), 0U);
    now += 200ms;
    EXPECT_EQ(let_in(), 1U);
}

TEST_F(ProbationTest, AnOffenderThatKeptStillIsForgotten) {
    probation.punish(own_address(), now);
    now += 1min;

    EXPECT_TRUE(comes());
    EXPECT_TRUE(comes());
}

TEST_F(ProbationTest, AFloodOfConnectionsIsCutOffAndCounted) {
    probation.punish(own_address(), now);

    for (int i = 0; i < 100; ++i) EXPECT_FALSE(comes());
    now += 1min;

    const std::uint64_t refused = probation.refused();
    EXPECT_EQ(refused + 16, 100U);
    for (int i = 0; i < 16; ++i) {
        EXPECT_EQ(let_in(), 1U);
        now += 1s;
    }
    EXPECT_TRUE(probation.empty());
}

TEST_F(ProbationTest, OneWhoseClientGaveUpIsForgotten) {
    probation.punish(own_address(), now);
    ASSERT_FALSE(comes());
    ASSERT_FALSE(comes());
    pairs.front().client = {};

    probation.forget_closed();
    now += 1s;

    EXPECT_EQ(let_in(), 1U);
    EXPECT_TRUE(probation.empty());
}

}  // namespace
}  // namespace vserd::net
