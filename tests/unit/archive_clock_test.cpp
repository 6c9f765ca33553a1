// Retention while the system's clock is set, and what a crash leaves unused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/recording.hpp"
#include "archive/retention.hpp"
#include "archive/trusted_clock.hpp"
#include "unit/archive_support.hpp"

namespace vserd::archive {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto month = 30 * 24h;
constexpr double day_s = 86'400;

class ArchiveClockTest : public testing::Test {
protected:
    /// The system's clock is `ahead` of the right one.
    log::WallTime at(std::chrono::seconds right, std::chrono::seconds ahead = 0s) {
        return clock_.at({start + right + ahead, log::BootTime{1000h + right}});
    }
    void restart() { clock_ = TrustedClock(directory_.path() + "/clock"); }

    const log::WallTime start = at_second(20'000 * day_s);
    const TemporaryDirectory directory_;
    TrustedClock clock_{directory_.path() + "/clock"};
};

TEST_F(ArchiveClockTest, AClockThatGoesIsFollowed) {
    EXPECT_EQ(at(0s), start);
    EXPECT_EQ(at(1h, 5s), start + 1h + 5s);
    EXPECT_EQ(at(2h, -10min), start + 2h - 10min);
    EXPECT_TRUE(clock_.stored());
}

TEST_F(ArchiveClockTest, AJumpCountsOnlyAfterADay) {
    for (const auto jump : {std::chrono::seconds(365 * 24h), std::chrono::seconds(-365 * 24h)}) {
        clock_ = TrustedClock(directory_.path() + "/of-" + std::to_string(jump.count()));
        at(0s);

        EXPECT_EQ(at(1min, jump), start + 1min);
        EXPECT_EQ(at(23h, jump), start + 23h) << "time goes on meanwhile, so retention does";
        EXPECT_EQ(at(24h + 1min, jump), start + 24h + 1min + jump);
    }
}

TEST_F(ArchiveClockTest, AJumpThatIsUndoneNeverCounts) {
    at(0s);
    at(1min, month);
    EXPECT_EQ(at(2min), start + 2min);
    at(3min, month);

    EXPECT_EQ(at(24h + 1min, month), start + 24h + 1min) << "the day begins with the last jump";
}

TEST_F(ArchiveClockTest, AJumpBetweenTwoProcessesIsNoticed) {
    at(0s);

    for (int i = 1; i < 4; ++i) {
        restart();
        EXPECT_LE(at(i * 10h, month), start + i * 10h);
        EXPECT_GE(at(i * 10h + 9h, month), start + 9h);
    }
    restart();
    EXPECT_GE(at(40h, -month), start);
}

TEST_F(ArchiveClockTest, TheSteadyDayMayConsistOfSeveralRuns) {
    at(0s);

    for (int day = 20; day < 24; ++day) {  // after a vacation, the machine is on for eight hours a day
        restart();
        for (auto hour = 0h; hour <= 8h; ++hour) at(day * 24h + hour);
    }

    EXPECT_EQ(at(23 * 24h + 9h), start + 23 * 24h + 9h);
}

TEST_F(ArchiveClockTest, AClockThatBeginsAtTheSameTimeAtEachStartIsNotTrusted) {
    at(0s);

    for (int day = 20; day < 30; ++day) {
        restart();
        for (auto hour = 0h; hour <= 8h; ++hour)
            EXPECT_LT(at(day * 24h + hour, (20 - day) * 24h + month), start + month);
    }
}

TEST_F(ArchiveClockTest, AMachineThatWasOffForAWeekendHasARightClock) {
    at(0s);
    restart();

    EXPECT_EQ(at(3 * 24h), start + 3 * 24h);
}

TEST_F(ArchiveClockTest, ADamagedFileIsAsGoodAsNone) {
    overwrite(directory_.path() + "/clock", 0, "?");
    std::ofstream(directory_.path() + "/clock") << "yesterday";

    EXPECT_EQ(at(0s), start);
}

TEST_F(ArchiveClockTest, AFileThatCannotBeWrittenIsReported) {
    clock_ = TrustedClock(directory_.path() + "/missing/clock");

    EXPECT_EQ(at(0s), start);
    ASSERT_FALSE(clock_.stored());
    EXPECT_THAT(clock_.stored().error().message, HasSubstr("/missing/clock"));
}

TEST(ArchiveRetentionByAge, ASegmentWrittenWhileTheClockWasBackTakesNothingWithIt) {
    const auto now = at_second(100 * day_s);
    const std::vector<SegmentSize> segments{{0, 10, at_second(98 * day_s)},
                                            {1, 10, at_second(0)},  // a clock without a battery
                                            {2, 10, at_second(99 * day_s)},
                                            {3, 10, at_second(99 * day_s)}};

    EXPECT_EQ(segments_beyond(segments, {.age = month}, now), 0u);
    EXPECT_EQ(segments_beyond(segments, {.age = month}, now + month - 24h * 2 + 1s), 2u);
}

TEST(ArchiveRetentionByAge, ForwardAndBackKeepsWhatIsYoung) {
    const auto now = at_second(100 * day_s);
    const std::vector<SegmentSize> segments{{0, 10, at_second(60 * day_s)},
                                            {1, 10, at_second(99 * day_s)},
                                            {2, 10, at_second(500 * day_s)},
                                            {3, 10, at_second(99.5 * day_s)},
                                            {4, 10, at_second(100 * day_s)}};

    EXPECT_EQ(segments_beyond(segments, {.age = month}, now), 1u);
    EXPECT_EQ(segments_beyond(segments, {.age = month}, now + month), 4u)
        << "the one from the future goes with the next";
}

log::Item data_item(std::uint64_t offset, std::string_view text) {
    log::DataItem item{.offset = offset, .size = text.size(), .slices = {}, .received = {at_second(1), {}}};
    item.slices.push_back({{}, view(text).data(), text.size()});
    return item;
}

TEST_F(ArchiveClockTest, WhatACrashLeftUnusedIsNoCountedLoss) {
    Settings settings;
    settings.directory = directory_.path();
    {
        const auto first = Recording::open(settings, "board").value();
        const Beginning beginning = first->begin("log-1", 0, false);
        ASSERT_TRUE(beginning.is_in_memory);
        Batch batch{{data_item(0, "abcd")}, {}, 4, false, reservation_for("log-1", 0, 0), true};
        ASSERT_TRUE(first->write(batch).result);
    }
    const auto second = Recording::open(settings, "board").value();
    const Beginning beginning = second->begin("log-2", 0, false);
    ASSERT_EQ(beginning.at.offset, 2 * reserved_bytes);

    const std::uint64_t at = beginning.at.offset;
    const Recorded after = second->write({{data_item(at, "ef")}, {}, 2, false, {}, true});
    const Recorded lost = second->write({{data_item(at + 10, "gh")}, {}, 2, false, {}, true});

    EXPECT_TRUE(after.result && lost.result);
    EXPECT_EQ(after.gap_bytes, 0u);
    EXPECT_EQ(after.unused_offsets, at - 4);
    EXPECT_EQ(lost.gap_bytes, 8u) << "a loss is one, also after a crash";
    EXPECT_EQ(lost.unused_offsets, at - 4);
    EXPECT_THAT(read_all(directory_.path() + "/board")[1], HasSubstr("interrupted"));
}

}  // namespace
}  // namespace vserd::archive
