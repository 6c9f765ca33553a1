#include "io/read_rest.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

namespace vserd::io {
namespace {

using namespace std::chrono_literals;
using Time = ReadRest::Time;

class ReadLoadTest : public testing::Test {
protected:
    /// Small reads at this rate for a time.
    void reads(int per_second, std::chrono::milliseconds time) {
        const auto end = now_ + time;
        while ((now_ += std::chrono::microseconds{1s} / per_second) < end) load_.count(now_);
    }

    ReadLoad load_;
    Time now_{1h};
};

TEST_F(ReadLoadTest, IsHighFromItsThresholdOn) {
    reads(3500, 1s);
    EXPECT_FALSE(load_.is_high());

    reads(4500, 1s);
    EXPECT_TRUE(load_.is_high());
}

TEST_F(ReadLoadTest, OneBurstIsNotHigh) {
    load_.count(now_);
    for (int i = 0; i < 10'000; ++i) load_.count(now_ += 1us);

    EXPECT_FALSE(load_.is_high());
}

TEST_F(ReadLoadTest, IsHighUntilMuchFewerReads) {
    reads(6000, 500ms);

    reads(1500, 1s);
    EXPECT_TRUE(load_.is_high());

    reads(800, 500ms);
    EXPECT_FALSE(load_.is_high());
    reads(1500, 1s);
    EXPECT_FALSE(load_.is_high());
}

TEST_F(ReadLoadTest, SilenceEndsIt) {
    reads(6000, 500ms);
    ASSERT_TRUE(load_.is_high());

    load_.count(now_ += 1min);

    EXPECT_FALSE(load_.is_high());
}

TEST_F(ReadLoadTest, IsJudgedAgainWithoutRestsAfterItsTime) {
    reads(6000, 500ms);

    reads(1500, ReadLoad::high_time_max);
    EXPECT_FALSE(load_.is_high());

    reads(6000, 500ms);
    EXPECT_TRUE(load_.is_high());
}

/// A port that counts how often it reads again.
class TestPort {
public:
    int reads = 0;
    ReadRest::Port rest{this, [](void* owner) noexcept { ++static_cast<TestPort*>(owner)->reads; }};
};

class ReadRestTest : public testing::Test {
protected:
    /// Serves each tick until `end` in time.
    void ticks_until(Time end) {
        while (rest_.is_ticking() && rest_.next_tick() <= end) rest_.end_due(now_ = rest_.next_tick());
        now_ = end;
    }
    using Ports = std::vector<std::unique_ptr<TestPort>>;
    Ports resting_ports(std::size_t count) {
        Ports ports;
        for (std::size_t i = 0; i < count; ++i) {
            ports.push_back(std::make_unique<TestPort>());
            EXPECT_TRUE(rest_.begin(ports.back()->rest, now_));
        }
        return ports;
    }
    static std::size_t read_once(const Ports& ports) {
        return static_cast<std::size_t>(
            std::ranges::count_if(ports, [](const auto& port) { return port->reads == 1; }));
    }
    /// How long the port rests, if it rests from now on.
    std::chrono::nanoseconds time_of_rest(TestPort& port) {
        const Time begin = now_;
        EXPECT_TRUE(rest_.begin(port.rest, now_));
        const int before = port.reads;
        while (port.reads == before) rest_.end_due(now_ = rest_.next_tick());
        return now_ - begin;
    }

    ReadRest rest_;
    Time now_{1h};
    TestPort port_;
};

TEST_F(ReadRestTest, APortReadsAgainOnceWithinThePeriod) {
    ASSERT_TRUE(rest_.begin(port_.rest, now_));
    EXPECT_TRUE(port_.rest.is_resting());

    ticks_until(now_ + ReadRest::period);

    EXPECT_EQ(port_.reads, 1);
    EXPECT_FALSE(port_.rest.is_resting());
    EXPECT_FALSE(rest_.is_ticking());
}

TEST_F(ReadRestTest, APortThatRestsAgainAtItsTickRestsAPeriod) {
    EXPECT_LE(time_of_rest(port_), ReadRest::period);

    EXPECT_EQ(time_of_rest(port_), ReadRest::period);
    EXPECT_EQ(time_of_rest(port_), ReadRest::period);
}

TEST_F(ReadRestTest, FewPortsShareATickAndManyAreSpreadOverThePeriod) {
    const auto ports = resting_ports(ReadRest::ticks_per_period * ReadRest::ports_per_tick);

    for (std::size_t tick = 1; tick <= ReadRest::ticks_per_period; ++tick) {
        rest_.end_due(rest_.next_tick());
        EXPECT_EQ(read_once(ports), tick * ReadRest::ports_per_tick);
    }
}

TEST_F(ReadRestTest, MorePortsThanThatBeginAtTheFirstTickAgain) {
    const std::size_t more = ReadRest::ticks_per_period * ReadRest::ports_per_tick + 1;
    const auto ports = resting_ports(more);

    ticks_until(now_ + ReadRest::period);

    EXPECT_EQ(read_once(ports), more);
}

TEST_F(ReadRestTest, ALateTickServesAllPortsOnce) {
    const std::size_t all = ReadRest::ticks_per_period * ReadRest::ports_per_tick;
    const auto ports = resting_ports(all);

    rest_.end_due(now_ + 1h);

    EXPECT_EQ(read_once(ports), all);
    EXPECT_FALSE(rest_.is_ticking());
    now_ += 1h;
    EXPECT_LE(time_of_rest(port_), ReadRest::period);
}

TEST_F(ReadRestTest, APortThatWasWrittenToStaysAwakeFromItsAnswerOn) {
    port_.rest.stay_awake();

    EXPECT_FALSE(rest_.begin(port_.rest, now_ += 1min));
    EXPECT_FALSE(rest_.begin(port_.rest, now_ + ReadRest::awake_time - 1us));
    EXPECT_FALSE(rest_.is_ticking());
    EXPECT_TRUE(rest_.begin(port_.rest, now_ + ReadRest::awake_time));
}

TEST_F(ReadRestTest, APortThatEndsItsRestIsNotServedByTheTick) {
    ASSERT_TRUE(rest_.begin(port_.rest, now_));

    EXPECT_TRUE(port_.rest.end());

    EXPECT_FALSE(port_.rest.end());
    EXPECT_FALSE(rest_.is_ticking());
    rest_.end_due(now_ + ReadRest::period);
    EXPECT_EQ(port_.reads, 0);
}

TEST_F(ReadRestTest, APortMayBeDestroyedWhileItRests) {
    auto gone = std::make_unique<TestPort>();
    ASSERT_TRUE(rest_.begin(gone->rest, now_));
    ASSERT_TRUE(rest_.begin(port_.rest, now_));

    gone.reset();
    ticks_until(now_ + ReadRest::period);

    EXPECT_EQ(port_.reads, 1);
}

/// Two ports of the same tick, of which the first to read again destroys the other.
TEST_F(ReadRestTest, APortMayBeDestroyedByAnotherOneOfItsTick) {
    struct Pair {
        std::optional<TestPort> second;
        ReadRest::Port first{this, [](void* owner) noexcept { static_cast<Pair*>(owner)->second.reset(); }};
    };
    const auto pair = std::make_unique<Pair>();
    ASSERT_TRUE(rest_.begin(pair->first, now_));
    ASSERT_TRUE(rest_.begin(pair->second.emplace().rest, now_));

    ticks_until(now_ + ReadRest::period);

    EXPECT_FALSE(pair->second);
    EXPECT_FALSE(rest_.is_ticking());
}

TEST_F(ReadRestTest, ManyReadsAreThoseOfTheLoad) {
    bool many = false;
    for (int i = 0; i < 1000; ++i) many = rest_.many_reads(now_ += 200us);
    EXPECT_TRUE(many);

    EXPECT_FALSE(rest_.many_reads(now_ + 1s));
}

TEST(ReadRestSpeed, FastAndUnknownDevicesAreNotSlow) {
    EXPECT_TRUE(ReadRest::is_slow(50));
    EXPECT_TRUE(ReadRest::is_slow(115'200));
    EXPECT_FALSE(ReadRest::is_slow(921'600));
    EXPECT_FALSE(ReadRest::is_slow(0));
}

}  // namespace
}  // namespace vserd::io
