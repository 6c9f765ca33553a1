#include "vser_client/log_cursor.hpp"

#include <gtest/gtest.h>

namespace vser::client {
namespace {

Data data(std::uint64_t offset, std::string bytes) {
    return {.offset = offset, .bytes = std::move(bytes), .receive_time = {}};
}

Event event(std::uint64_t offset, int at_s) {
    return {.offset = offset, .time = Time(std::chrono::seconds(at_s)), .what = Online{"x"}};
}

TEST(LogCursor, FollowsTheBytes) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(100);
    cursor.accept(data(100, "abc"), items);

    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(cursor.next_offset(), 103U);
}

TEST(LogCursor, DropsBytesThatComeAgain) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(0);
    cursor.accept(data(0, "abcdef"), items);
    items.clear();

    cursor.accept(data(0, "abc"), items);
    EXPECT_TRUE(items.empty());
    cursor.accept(data(4, "efgh"), items);

    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(std::get<Data>(items[0]).offset, 6U);
    EXPECT_EQ(std::get<Data>(items[0]).bytes, "gh");
}

TEST(LogCursor, NeverJumpsSilently) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(0);
    cursor.accept(data(10, "x"), items);

    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(std::get<Gap>(items[0]).from, 0U);
    EXPECT_EQ(std::get<Gap>(items[0]).to, 10U);
}

TEST(LogCursor, AGapBeforeTheFirstByteIsTold) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(100);  // the oldest that is held
    cursor.accept(Gap{.from = 40, .to = 100, .events_lost = 0}, items);

    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(std::get<Gap>(items[0]).from, 40U);
    EXPECT_EQ(cursor.next_offset(), 100U);
}

TEST(LogCursor, AGapOfEventsAloneIsTold) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(5);
    cursor.accept(data(5, "x"), items);
    items.clear();
    cursor.accept(Gap{.from = 6, .to = 6, .events_lost = 3}, items);

    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(std::get<Gap>(items[0]).events_lost, 3U);
}

TEST(LogCursor, DropsEventsThatComeAgainAfterAReconnect) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(0);
    cursor.accept(event(0, 1), items);
    cursor.accept(event(0, 2), items);
    ASSERT_EQ(items.size(), 2U);
    items.clear();

    cursor.resume(0);
    cursor.accept(event(0, 1), items);
    cursor.accept(event(0, 2), items);
    EXPECT_TRUE(items.empty());
    cursor.accept(event(0, 3), items);
    EXPECT_EQ(items.size(), 1U);
}

Event numbered(std::uint64_t number, int at_s) {
    return {.offset = 0, .time = Time(std::chrono::seconds(at_s)), .what = Online{"x"}, .number = number};
}

TEST(LogCursor, TellsRepeatedEventsByTheirNumberWhateverTheClockDid) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(0);
    cursor.accept(numbered(7, 1000), items);
    cursor.accept(numbered(8, 1001), items);
    items.clear();

    cursor.resume(0);
    cursor.accept(numbered(7, 1000), items);
    cursor.accept(numbered(8, 1001), items);
    EXPECT_TRUE(items.empty());
    cursor.accept(numbered(9, 5), items);  // the clock was set back

    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(std::get<Event>(items[0]).number, 9U);
}

TEST(LogCursor, EventsOfOneInstantAreAllGiven) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(0);
    cursor.accept(numbered(1, 1000), items);
    items.clear();

    cursor.resume(0);
    cursor.accept(numbered(1, 1000), items);
    cursor.accept(numbered(2, 1000), items);

    EXPECT_EQ(items.size(), 1U);
}

TEST(LogCursor, TheNumbersOfAnotherLogBeginAgain) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(0);
    cursor.accept(numbered(100, 1), items);
    items.clear();

    cursor.restart(0);
    cursor.accept(numbered(1, 2), items);

    EXPECT_EQ(items.size(), 1U);
}

TEST(LogCursor, AnotherLogBeginsAnew) {
    LogCursor cursor;
    std::vector<ConsoleItem> items;
    cursor.resume(0);
    cursor.accept(data(0, "abcdef"), items);
    cursor.accept(event(6, 9), items);
    items.clear();

    cursor.restart(0);
    cursor.accept(event(0, 1), items);
    cursor.accept(data(0, "new"), items);

    EXPECT_EQ(items.size(), 2U);
    EXPECT_EQ(cursor.next_offset(), 3U);
}

}  // namespace
}  // namespace vser::client
