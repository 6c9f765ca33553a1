#include "log/byte_log.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace vserd::log {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

std::string text_of(const DataItem& item) {
    std::string text;
    for (const Slice& slice : item.slices) text.append(reinterpret_cast<const char*>(slice.data), slice.size);
    return text;
}

/// Everything from the cursor to the head, as "data@offset", "gap[from,to)" and "event@offset".
std::vector<std::string> read_all(const ByteLog& log, Cursor& cursor, std::size_t bytes_max = 1 << 20) {
    std::vector<std::string> items;
    while (auto item = log.read(cursor, bytes_max)) {
        if (const auto* data = std::get_if<DataItem>(&*item)) {
            items.push_back(text_of(*data) + "@" + std::to_string(data->offset));
        } else if (const auto* gap = std::get_if<GapItem>(&*item)) {
            items.push_back("gap[" + std::to_string(gap->from) + "," + std::to_string(gap->to) + ")" +
                            (gap->events_lost > 0 ? "+" + std::to_string(gap->events_lost) : ""));
        } else {
            items.push_back("event@" + std::to_string(std::get<EventItem>(*item).offset));
        }
    }
    return items;
}

TEST(ByteLog, EmptyLogHasNothingToRead) {
    const ByteLog log{16};
    Cursor cursor;

    EXPECT_FALSE(log.read(cursor, 16));
    EXPECT_TRUE(log.at_head(cursor));
    EXPECT_EQ(log.oldest_offset(), 0u);
}

TEST(ByteLog, ReaderOvertakenByWriterSeesGapThenOldestBytes) {
    ByteLog log{4};
    log.append(bytes("abcdef"));

    Cursor cursor;
    EXPECT_EQ(read_all(log, cursor), (std::vector<std::string>{"gap[0,2)", "cdef@2"}));
    EXPECT_TRUE(log.at_head(cursor));
}

TEST(ByteLog, ReadTakesAtMostWhatWasAskedFor) {
    ByteLog log{64};
    log.append(bytes("abcdef"));

    Cursor cursor;
    EXPECT_EQ(read_all(log, cursor, 4), (std::vector<std::string>{"abcd@0", "ef@4"}));
}

TEST(ByteLog, EventsStandAtTheirOffsetAndEndTheDataBefore) {
    ByteLog log{64};
    log.append_event(port::CameOnline{"/dev/x"});
    log.append(bytes("ab"));
    log.append_event(port::WentOffline{"gone"});
    log.append(bytes("cd"));

    Cursor cursor;
    EXPECT_EQ(read_all(log, cursor), (std::vector<std::string>{"event@0", "ab@0", "event@2", "cd@2"}));
}

TEST(ByteLog, AReaderThatResumesAtAnOffsetSeesTheEventsThere) {
    ByteLog log{64};
    log.append(bytes("ab"));
    log.append_event(port::WentOffline{"gone"});
    log.append(bytes("cd"));

    Cursor cursor = log.at_offset(2);
    EXPECT_EQ(read_all(log, cursor), (std::vector<std::string>{"event@2", "cd@2"}));
    cursor = log.at_offset(3);
    EXPECT_EQ(read_all(log, cursor), (std::vector<std::string>{"d@3"}));
}

TEST(ByteLog, EventsAreBoundedAndTheLossIsTold) {
    ByteLog log{64};
    Cursor cursor;
    for (std::size_t i = 0; i < log_events_max + 3; ++i) log.append_event(port::BreakSent{1ms});

    const auto items = read_all(log, cursor);

    EXPECT_EQ(items.front(), "gap[0,0)+3");
    EXPECT_EQ(items.size(), 1 + log_events_max);
}

TEST(ByteLog, EventsBeforeTheOldestByteGoWithTheBytes) {
    ByteLog log{4};
    Cursor cursor;
    log.append_event(port::BreakSent{1ms});
    log.append(bytes("abcdef"));

    EXPECT_EQ(read_all(log, cursor), (std::vector<std::string>{"gap[0,2)+1", "cdef@2"}));
}

TEST(ByteLog, DataSpansBlocksWithoutCopying) {
    ByteLog log{4 * block_bytes};
    std::string wanted;
    for (int i = 0; wanted.size() < 3 * block_bytes; ++i) wanted += std::to_string(i) + ",";
    log.append(bytes(wanted));

    Cursor cursor;
    std::string got;
    std::size_t slices_most = 0;
    while (auto item = log.read(cursor, 48 << 10)) {
        const auto& data = std::get<DataItem>(*item);
        EXPECT_EQ(data.offset, got.size());
        slices_most = std::max(slices_most, data.slices.size());
        got += text_of(data);
    }

    EXPECT_EQ(got, wanted);
    EXPECT_GE(slices_most, 2u);
}

TEST(ByteLog, SlicesOutliveTheLog) {
    std::optional<Item> item;
    {
        ByteLog log{4};
        log.append(bytes("abcd"));
        Cursor cursor;
        item = log.read(cursor, 4);
        log.append(std::vector<std::byte>(3 * block_bytes));
    }

    EXPECT_EQ(text_of(std::get<DataItem>(*item)), "abcd");
}

TEST(ByteLog, SpaceIsNeverSmallAndKeepsItsPlaceUntilCommit) {
    ByteLog log{1 << 20};
    for (int i = 0; i < 1000; ++i) {
        const auto space = log.space();
        ASSERT_GE(space.size(), 4096u);
        ASSERT_EQ(log.space().data(), space.data());
        log.commit(777);
    }
    EXPECT_EQ(log.next_offset(), 777'000u);
}

/// `since` later than some moment, where both clocks run alike.
Moment moment(std::chrono::nanoseconds since) {
    return {WallTime{} + std::chrono::hours{24 * 365 * 50} + since, BootTime{} + 1h + since};
}

WallTime received(const ByteLog& log, std::uint64_t offset) {
    Cursor cursor = log.at_offset(offset);
    return std::get<DataItem>(*log.read(cursor, 1)).received.wall;
}

TEST(ByteLog, ReceiveTimeIsThatOfTheLastByte) {
    ByteLog log{64};
    log.append(bytes("ab"), moment(0s));
    log.append(bytes("cd"), moment(1s));

    Cursor cursor;
    EXPECT_EQ(std::get<DataItem>(*log.read(cursor, 2)).received.wall, moment(0s).wall);
    EXPECT_EQ(std::get<DataItem>(*log.read(cursor, 2)).received.wall, moment(1s).wall);
}

TEST(ByteLog, ExactTimesEndTheDataWhereTheTimeChanges) {
    ByteLog log{1024};
    log.append(bytes("ab"), moment(0s));
    log.append(bytes("cde"), moment(1s));
    Cursor cursor;

    EXPECT_EQ(text_of(std::get<DataItem>(*log.read(cursor, 100, Times::exact))), "ab");
    const auto second = std::get<DataItem>(*log.read(cursor, 2, Times::exact));
    EXPECT_EQ(text_of(second), "cd");
    EXPECT_EQ(second.received.wall, moment(1s).wall);
    EXPECT_EQ(text_of(std::get<DataItem>(*log.read(cursor, 100, Times::exact))), "e");
    EXPECT_FALSE(log.read(cursor, 100, Times::exact));
}

TEST(ByteLog, AtTimeFindsTheFirstByteNotOlder) {
    ByteLog log{64};
    for (int i = 0; i < 4; ++i) log.append(bytes("ab"), moment(i * 1s));

    EXPECT_EQ(log.at_time(moment(-1s).wall).offset, 0u);
    EXPECT_EQ(log.at_time(moment(1s).wall).offset, 2u);
    EXPECT_EQ(log.at_time(moment(1500ms).wall).offset, 4u);
    EXPECT_EQ(log.at_time(moment(9s).wall), log.head());
    EXPECT_EQ(log.at_time(WallTime::min()).offset, 0u);
    EXPECT_EQ(log.at_time(WallTime::max()), log.head());
}

TEST(ByteLog, AnAgeIsCountedFromNow) {
    ByteLog log{64};
    for (int i = 0; i < 4; ++i) log.append(bytes("ab"), moment(i * 1s));

    EXPECT_EQ(log.at_age(0s, moment(4s)), log.head());
    EXPECT_EQ(log.at_age(2500ms, moment(4s)).offset, 4u);
    EXPECT_EQ(log.at_age(std::chrono::nanoseconds::max(), moment(4s)).offset, 0u);
}

TEST(ByteLog, WhoSetsTheClockMovesWhatWasReceivedWithIt) {
    for (const auto step : {std::chrono::hours{24 * 365 * 20}, std::chrono::hours{-1}}) {
        ByteLog log{64};
        log.append(bytes("ab"), moment(0s));
        log.append_event(port::BreakSent{1ms}, moment(0s));
        const Moment after{moment(2s).wall + step, moment(2s).boot};

        log.append(bytes("cd"), after);

        EXPECT_EQ(received(log, 0), after.wall - 2s);
        EXPECT_EQ(received(log, 3), after.wall);
        EXPECT_EQ(log.at_time(after.wall - 3s).offset, 0u);
        EXPECT_EQ(log.at_time(after.wall - 1s).offset, 2u);
        Cursor cursor = log.at_offset(2);
        EXPECT_EQ(std::get<EventItem>(*log.read(cursor, 1)).at.wall, after.wall - 2s);
    }
}

TEST(ByteLog, InMemoryItTakesNoPageBeforeADeviceFillsIt) {
    ByteLog log{std::size_t{1} << 20};
    log.append(bytes("x"));

    const auto room = log.space();

    constexpr std::size_t page_bytes = 4096;
    auto* const first = room.data() - reinterpret_cast<std::uintptr_t>(room.data()) % page_bytes;
    std::array<unsigned char, 2> resident{};
    ASSERT_GT(room.data() + room.size(), first + page_bytes);
    ASSERT_EQ(::mincore(first, resident.size() * page_bytes, resident.data()), 0);
    EXPECT_EQ(resident[0] & 1U, 1U);
    EXPECT_EQ(resident[1] & 1U, 0U);
}

TEST(ByteLog, TimeMarksAreBoundedAndStayInOrder) {
    ByteLog log{std::size_t{1} << 20};
    constexpr int writes = 20'000;
    for (int i = 0; i < writes; ++i) log.append(bytes("x"), moment(i * 2ms));

    const auto middle = log.at_time(moment(writes * 1ms).wall).offset;

    EXPECT_LE(middle, writes / 2u);
    EXPECT_GE(middle, writes / 2u - writes / 100u);  // two hundredths of its age
}

TEST(ByteLog, WeeksOfAQuietConsoleKeepTheLatestHoursToTheLine) {
    ByteLog log{std::size_t{1} << 20};
    constexpr int minutes = 5 * 7 * 24 * 60;
    for (int i = 0; i < minutes; ++i) log.append(bytes("x"), moment(i * 1min));

    for (int i = minutes - 120; i < minutes; ++i) {
        ASSERT_EQ(received(log, static_cast<std::uint64_t>(i)), moment(i * 1min).wall) << i;
    }
    for (int i = 0; i < minutes; ++i) {
        const auto late = received(log, static_cast<std::uint64_t>(i)) - moment(i * 1min).wall;
        ASSERT_LE(late * 100, std::chrono::minutes{minutes - i}) << i;
    }
}

}  // namespace
}  // namespace vserd::log
