// Sealed segments, retention, reserved offsets, and the tools for damaged archives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <thread>

#include "archive/check.hpp"
#include "archive/reservation.hpp"
#include "archive/retention.hpp"
#include "archive/seal.hpp"
#include "unit/archive_support.hpp"

namespace vserd::archive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

class ArchiveFilesTest : public testing::Test {
protected:
    /// Segments of `segment_bytes` with the device's bytes from 0 to `size`, an event after each 1000.
    void fill(std::size_t size, std::uint64_t segment_bytes) {
        PortArchive archive = PortArchive::open({directory_.path(), "board", "log-1", segment_bytes, 24h}).value();
        for (std::size_t at = 0; at < size; at += 1000) {
            const auto second = static_cast<double>(at) / 1000;
            ASSERT_TRUE(archive.append_data(at, view(device_bytes(at, std::min<std::size_t>(1000, size - at))),
                                            at_second(second)));
            ASSERT_TRUE(
                archive.append_event(event_item(archive.next().offset, at / 1000 + 1, port::OutputHeld{true}, second)));
        }
        ASSERT_TRUE(archive.sync());
    }
    void seal_all() {
        const auto bases = segment_bases(path()).value();
        for (std::size_t i = 0; i + 1 < bases.size(); ++i) ASSERT_TRUE(seal_segment(path(), bases[i]));
    }
    std::string path() const { return directory_.path() + "/board"; }
    SegmentPaths segment(std::uint64_t base) const { return {path(), base}; }
    std::vector<std::string> problems() const {
        std::vector<std::string> problems;
        for (const Finding& finding : verify_port(path()).value().findings) problems.push_back(finding.problem);
        return problems;
    }

    TemporaryDirectory directory_;
};

std::string output_of(const std::string& command) {
    std::string output;
    std::array<char, 4096> bytes{};
    FILE* pipe = ::popen(command.c_str(), "r");
    while (const std::size_t size = std::fread(bytes.data(), 1, bytes.size(), pipe)) output.append(bytes.data(), size);
    return ::pclose(pipe) == 0 ? output : "failed";
}

TEST_F(ArchiveFilesTest, ASealedSegmentReadsAsBeforeAlsoByZstdcat) {
    fill(1'500'000, 700'000);
    const auto before = read_all(path());
    const std::string plain = contents_of(segment(0).log);

    seal_all();

    EXPECT_FALSE(std::filesystem::exists(segment(0).log));
    EXPECT_EQ(read_all(path()), before);
    ArchiveReader reader(path());
    log::Cursor middle = reader.at_offset(650'001).value();
    EXPECT_THAT(read_on(reader, middle).front(), HasSubstr("@650001"));
    EXPECT_THAT(problems(), IsEmpty());
    if (output_of("command -v zstdcat").empty()) GTEST_SKIP() << "no zstdcat";
    EXPECT_EQ(output_of("zstdcat " + segment(0).sealed), plain);
}

TEST_F(ArchiveFilesTest, AReaderGoesOnWhileItsSegmentIsSealed) {
    fill(3000, 2000);
    ArchiveReader reader(path());
    log::Cursor cursor;
    ReadBatch batch;
    ASSERT_TRUE(reader.read(cursor, 100, batch));

    seal_all();

    EXPECT_EQ(read_on(reader, cursor).front(), device_bytes(100, 900) + "@100");
}

TEST_F(ArchiveFilesTest, AReaderOnAnotherThreadMissesAndRepeatsNothing) {
    constexpr std::uint64_t size = 1'000'000;
    PortArchive archive = PortArchive::open({directory_.path(), "board", "log-1", 50'000, 24h}).value();
    std::thread writer([&] {
        for (std::uint64_t at = 0; at < size; at += 1000) {
            EXPECT_TRUE(archive.append_data(at, view(device_bytes(at, 1000)), at_second(1)));
            EXPECT_TRUE(
                archive.append_event(event_item(at + 1000, at / 1000 + 1, port::Notice{std::string(300, 'n'), "x"})));
            for (const std::uint64_t base : archive.unsealed().value()) EXPECT_TRUE(seal_segment(path(), base, 1));
        }
    });

    ArchiveReader reader(path());
    log::Cursor cursor;
    std::string wrong;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (cursor != log::Cursor{size, size / 1000} && wrong.empty() && std::chrono::steady_clock::now() < deadline) {
        std::uint64_t at = cursor.offset;
        for (const std::string& item : read_on(reader, cursor, 7000)) {
            if (item.starts_with("event")) continue;
            const std::string text = item.substr(0, item.rfind('@'));
            if (item != device_bytes(at, text.size()) + "@" + std::to_string(at)) wrong = item.substr(0, 200);
            at += text.size();
        }
    }
    writer.join();
    EXPECT_EQ(wrong, "");
    EXPECT_EQ(cursor, (log::Cursor{size, size / 1000}));
}

TEST_F(ArchiveFilesTest, AnInterruptedSealLeavesOneCopy) {
    fill(3000, 1000);
    const std::string plain = contents_of(segment(0).log);
    seal_all();
    std::ofstream(segment(0).log) << plain;
    std::ofstream(segment(1000).log) << plain.substr(0, 500);
    std::ofstream(segment(1000).sealed + ".tmp") << "half";
    EXPECT_EQ(problems().size(), 4u);  // two copies, the bytes that one of them lacks, the unfinished file

    ASSERT_TRUE(remove_unfinished(path()));

    EXPECT_FALSE(std::filesystem::exists(segment(0).log));
    EXPECT_FALSE(std::filesystem::exists(segment(1000).sealed + ".tmp"));
    EXPECT_FALSE(std::filesystem::exists(segment(1000).log));
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(ArchiveFilesTest, ADamagedFrameIsAGapAndTheRestIsRight) {
    fill(1'000'000, 900'000);
    seal_all();
    overwrite(segment(0).sealed, std::filesystem::file_size(segment(0).sealed) / 2, "damage");

    const auto items = read_all(path());

    std::uint64_t lost = 0;
    for (const std::string& item : items) {
        unsigned long from = 0;
        unsigned long to = 0;
        if (std::sscanf(item.c_str(), "gap[%lu,%lu)", &from, &to) == 2) lost += to - from;
        const std::size_t at = item.rfind('@');
        if (item.starts_with("gap") || item.starts_with("event")) continue;
        EXPECT_EQ(item.substr(0, at), device_bytes(std::stoull(item.substr(at + 1)), at));
    }
    EXPECT_GT(lost, 0u);
    EXPECT_LE(lost, frame_bytes + 2000);
    EXPECT_THAT(items, testing::Contains(HasSubstr("is damaged in frame")));
}

TEST(ArchiveRetention, RemovesTheOldestAndNeverTheLast) {
    const auto now = at_second(1000);
    const std::vector<SegmentSize> segments{{0, 10, at_second(100)},
                                            {1, 10, at_second(5000)},
                                            {2, 10, at_second(300)},
                                            {3, 10, at_second(900)},
                                            {4, 10, at_second(950)}};

    EXPECT_EQ(segments_beyond(segments, {}, now), 0u);
    EXPECT_EQ(segments_beyond(segments, {.age = 650s}, now),
              3u);  // the one from the future is older than an expired one
    EXPECT_EQ(segments_beyond(segments, {.age = 850s}, now), 1u);
    EXPECT_EQ(segments_beyond(segments, {.age = 1s}, now), 4u);
    EXPECT_EQ(segments_beyond(segments, {.bytes = 50}, now), 0u);
    EXPECT_EQ(segments_beyond(segments, {.bytes = 29}, now), 3u);
    EXPECT_EQ(segments_beyond(segments, {.bytes = 1}, now), 4u);
    EXPECT_EQ(segments_beyond({}, {.bytes = 1}, now), 0u);
}

TEST(ArchiveRetention, FreeSpaceIsAnAmountOrAPart) {
    EXPECT_EQ(bytes_missing({}, {1000, 0}), 0u);
    EXPECT_EQ(bytes_missing({.percent = 15}, {1000, 100}), 50u);
    EXPECT_EQ(bytes_missing({.bytes = 300, .percent = 15}, {1000, 100}), 200u);
    EXPECT_EQ(bytes_missing({.percent = 15}, {1000, 200}), 0u);
}

TEST_F(ArchiveFilesTest, WhatRetentionRemovedIsAGap) {
    fill(5000, 1000);
    seal_all();

    const auto removed = apply_retention(path(), {.age = 2s}, at_second(4.5));

    ASSERT_TRUE(removed);
    EXPECT_EQ(removed->segments, 3u);
    ArchiveReader reader(path());
    EXPECT_EQ(reader.oldest().value().offset, 3000u);
    log::Cursor cursor;
    EXPECT_EQ(read_on(reader, cursor).front(), "gap[0,3000)+2 no longer kept in the archive");
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(ArchiveFilesTest, FreeSpaceComesFromTheOldestSegmentsOfAllPorts) {
    fill(5000, 1000);
    PortArchive younger = PortArchive::open({directory_.path(), "younger", "log-2", 1000, 24h}).value();
    ASSERT_TRUE(younger.append_data(0, view(device_bytes(0, 1500)), at_second(2.5)));
    ASSERT_TRUE(younger.sync());

    const auto removed =
        apply_free_space(directory_.path(), {.bytes = disk_space(directory_.path())->free_bytes + 20'000});

    ASSERT_TRUE(removed);
    EXPECT_GE(removed->segments, 2u);
    EXPECT_LT(removed->segments, 5u);
    EXPECT_EQ(ArchiveReader(directory_.path() + "/younger").oldest()->offset, 0u);
}

TEST_F(ArchiveFilesTest, TimesAreFoundAlsoAfterTheClockWasSetBack) {
    PortArchive archive = PortArchive::open({directory_.path(), "board", "log-1", 10, 24h}).value();
    const std::array<double, 8> seconds{10, 20, 30, 5, 15, 25, 40, 50};
    for (std::size_t i = 0; i < seconds.size(); ++i)
        ASSERT_TRUE(archive.append_data(5 * i, view(device_bytes(5 * i, 5)), at_second(seconds[i])));
    ASSERT_TRUE(archive.flush());
    ArchiveReader reader(path());

    EXPECT_EQ(reader.at_time(at_second(0))->offset, 0u);
    EXPECT_EQ(reader.at_time(at_second(20))->offset, 5u);
    EXPECT_EQ(reader.at_time(at_second(30))->offset, 10u);
    EXPECT_EQ(reader.at_time(at_second(31))->offset, 30u);
    EXPECT_EQ(reader.at_time(at_second(51)).value(), reader.next().value());
}

TEST_F(ArchiveFilesTest, ReservedOffsetsSurviveATornWrite) {
    const Reservation first = reservation_for("log-1", 0, 0);
    const Reservation second = reservation_for("log-1", first.offset, 5);
    EXPECT_EQ(first.offset, 2 * reserved_bytes);
    EXPECT_FALSE(is_due(first, reserved_bytes, 0));
    EXPECT_TRUE(is_due(first, 2 * reserved_bytes - 1, 0));
    {
        OffsetReservation reservation = OffsetReservation::open(path()).value();
        EXPECT_EQ(reservation.stored(), std::nullopt);
        ASSERT_TRUE(reservation.store(first));
        ASSERT_TRUE(reservation.store(second));
    }
    EXPECT_EQ(OffsetReservation::open(path())->stored(), second);

    const std::string state = path() + "/state";
    overwrite(state, 20, "torn");
    EXPECT_EQ(OffsetReservation::open(path())->stored(), first);
    overwrite(state, 4096 + 20, "torn");

    const auto damaged = OffsetReservation::open(path());
    ASSERT_FALSE(damaged);
    EXPECT_THAT(damaged.error().message, HasSubstr("is damaged"));
}

TEST_F(ArchiveFilesTest, VerifyNamesDamageAndRepairTurnsItIntoGaps) {
    fill(5000, 2000);
    overwrite(segment(0).log, 1200, "damage");
    overwrite(segment(2000).index, index_header_bytes + 20, "damage");
    std::ofstream(path() + "/00000000000000009999.log") << "no index";
    const auto wrong = read_all(path());

    const auto before = repair_port(path());

    ASSERT_TRUE(before);
    EXPECT_THAT(before->findings.size(), 3u);
    EXPECT_THAT(before->findings[0].problem, HasSubstr("checksum"));
    EXPECT_EQ(before->findings[0].from, 1000u);
    EXPECT_EQ(before->findings[0].to, 2000u);
    EXPECT_THAT(problems(), IsEmpty());
    const auto right = read_all(path());
    ASSERT_EQ(right.size(), wrong.size());
    EXPECT_EQ(right.front(), wrong.front());
    EXPECT_EQ(right.back(), wrong.back());
    EXPECT_TRUE(std::filesystem::exists(path() + "/00000000000000009999.log.damaged"));
}

TEST_F(ArchiveFilesTest, StatTellsWhatIsKept) {
    fill(5000, 2000);
    seal_all();

    const auto ports = port_directories(directory_.path());
    ASSERT_TRUE(ports);
    ASSERT_EQ(ports->size(), 1u);
    const auto stat = stat_port(ports->front());

    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->port, "board");
    EXPECT_THAT(stat->log_ids, ElementsAre("log-1"));
    EXPECT_EQ(stat->next, (log::Cursor{5000, 5}));
    EXPECT_EQ(stat->segments, 3u);
    EXPECT_EQ(stat->sealed_segments, 2u);
    EXPECT_EQ(stat->oldest_time, at_second(0));
    EXPECT_EQ(stat->newest_time, at_second(4));
}

}  // namespace
}  // namespace vserd::archive
