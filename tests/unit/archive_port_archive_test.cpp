#include "archive/port_archive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "unit/archive_support.hpp"

namespace vserd::archive {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

class PortArchiveTest : public testing::Test {
protected:
    PortArchive open(std::uint64_t segment_bytes = 1000, std::string log_id = "log-1") {
        return PortArchive::open({directory_.path(), "board", std::move(log_id), segment_bytes, 24h}).value();
    }
    std::string path() const { return directory_.path() + "/board"; }
    std::string file(std::uint64_t base, const char* kind) const {
        const SegmentPaths paths(path(), base);
        return kind == std::string_view("log") ? paths.log : paths.index;
    }

    TemporaryDirectory directory_;
};

TEST_F(PortArchiveTest, LogHoldsTheBytesOfTheDeviceAndNothingElse) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_event(event_item(0, 1, port::WentOffline{"unplugged"})));
    ASSERT_TRUE(archive.append_data(0, view("hello "), at_second(1)));
    ASSERT_TRUE(archive.append_data(6, view("world\n"), at_second(1.1)));
    ASSERT_TRUE(archive.sync());

    EXPECT_EQ(contents_of(file(0, "log")), "hello world\n");
    EXPECT_EQ(archive.next(), (log::Cursor{12, 1}));
    EXPECT_EQ(archive.synced_offset(), 12u);
}

TEST_F(PortArchiveTest, ReaderSeesOnlyWhatTheIndexCounts) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_data(0, view("abc"), at_second(1)));
    ArchiveReader reader(path());
    log::Cursor cursor;
    EXPECT_TRUE(read_on(reader, cursor).empty());

    ASSERT_TRUE(archive.flush());

    EXPECT_THAT(read_on(reader, cursor), ElementsAre("abc@0"));
    EXPECT_TRUE(read_on(reader, cursor).empty());
}

TEST_F(PortArchiveTest, ASpanOfDataEndsAfterASecond) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_data(0, view("ab"), at_second(1)));
    ASSERT_TRUE(archive.append_data(2, view("cd"), at_second(1.5)));
    ASSERT_TRUE(archive.append_data(4, view("ef"), at_second(2)));

    EXPECT_THAT(read_all(path()), ElementsAre("abcd@0"));
}

TEST_F(PortArchiveTest, EventsStandBetweenTheBytes) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_data(0, view("ab"), at_second(1)));
    ASSERT_TRUE(archive.append_event(event_item(2, 1, port::BreakSent{250ms})));
    ASSERT_TRUE(archive.append_data(2, view("cd"), at_second(2)));
    ASSERT_TRUE(archive.flush());

    EXPECT_THAT(read_all(path()), ElementsAre("ab@0", "event 1@2", "cd@2"));
}

TEST_F(PortArchiveTest, SegmentsRollAtTheirSizeAndAreReadAsOne) {
    PortArchive archive = open(10);
    ASSERT_TRUE(archive.append_data(0, view(device_bytes(0, 35)), at_second(1)));
    ASSERT_TRUE(archive.append_event(event_item(35, 1, port::OutputHeld{true})));
    ASSERT_TRUE(archive.flush());

    EXPECT_EQ(segment_bases(path()).value(), (std::vector<std::uint64_t>{0, 10, 20, 30}));
    EXPECT_THAT(read_all(path()), ElementsAre(device_bytes(0, 35) + "@0", "event 1@35"));
    EXPECT_THAT(archive.unsealed().value(), ElementsAre(0, 10, 20));
}

TEST_F(PortArchiveTest, SegmentsRollAtTheirAgeOnceTheyHaveBytes) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_event(event_item(0, 1, port::OutputHeld{true}, 0)));
    ASSERT_TRUE(archive.append_event(event_item(0, 2, port::OutputHeld{false}, 90'000)));
    ASSERT_TRUE(archive.append_data(0, view("a"), at_second(90'001)));
    ASSERT_TRUE(archive.append_data(1, view("b"), at_second(90'002)));
    ASSERT_TRUE(archive.flush());

    EXPECT_EQ(segment_bases(path()).value(), (std::vector<std::uint64_t>{0, 1}));
    EXPECT_THAT(read_all(path()), ElementsAre("event 1@0", "event 2@0", "ab@0"));
}

TEST_F(PortArchiveTest, WhatWasSkippedIsAGap) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_data(0, view("ab"), at_second(1)));
    ASSERT_TRUE(archive.append_data(5, view("f"), at_second(1)));
    ASSERT_TRUE(archive.append_event(event_item(6, 4, port::OutputHeld{true})));
    ASSERT_TRUE(archive.append_gap({6, 9, 2}, "too slow"));
    ASSERT_TRUE(archive.append_data(9, view("j"), at_second(1)));
    ASSERT_TRUE(archive.flush());

    EXPECT_THAT(read_all(path()), ElementsAre("ab@0", "gap[2,5)+0 not archived", "f@5", "gap[6,6)+3 not archived",
                                              "event 4@6", "gap[6,9)+2 too slow", "j@9"));
    EXPECT_EQ(archive.losses().bytes, 6u);
    EXPECT_EQ(archive.losses().events, 5u);
}

TEST_F(PortArchiveTest, WhatIsArchivedAlreadyIsRefused) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_data(0, view("abc"), at_second(1)));

    const auto again = archive.append_data(2, view("c"), at_second(1));

    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().failure, Failure::invalid_argument);
    EXPECT_THAT(again.error().message, HasSubstr("offset 3"));
    EXPECT_FALSE(archive.append_event(event_item(1, 1, port::OutputHeld{true})));
}

TEST_F(PortArchiveTest, AReopenedArchiveContinuesItsLastSegment) {
    {
        PortArchive archive = open();
        ASSERT_TRUE(archive.append_data(0, view("ab"), at_second(1)));
        ASSERT_TRUE(archive.append_event(event_item(2, 1, port::OutputHeld{true})));
        ASSERT_TRUE(archive.flush());
    }
    PortArchive archive = open();
    EXPECT_EQ(archive.next(), (log::Cursor{2, 1}));
    EXPECT_FALSE(archive.repair().cut_anything());
    ASSERT_TRUE(archive.append_data(2, view("cd"), at_second(2)));
    ASSERT_TRUE(archive.flush());

    EXPECT_EQ(segment_bases(path()).value().size(), 1u);
    EXPECT_THAT(read_all(path()), ElementsAre("ab@0", "event 1@2", "cd@2"));
}

TEST_F(PortArchiveTest, BytesWithoutAnIndexAreCutAtTheNextStart) {
    {
        PortArchive archive = open();
        ASSERT_TRUE(archive.append_data(0, view("ab"), at_second(1)));
        ASSERT_TRUE(archive.flush());
        ASSERT_TRUE(archive.append_data(2, view("cdef"), at_second(1)));
    }
    PortArchive archive = open();

    EXPECT_EQ(archive.next().offset, 2u);
    EXPECT_EQ(archive.repair().log_bytes_cut, 4u);
    EXPECT_EQ(contents_of(file(0, "log")), "ab");
}

TEST_F(PortArchiveTest, DataThatDidNotReachTheDiskAreCutWithTheirRecords) {
    {
        PortArchive archive = open();
        for (unsigned i = 0; i < 3; ++i) {
            ASSERT_TRUE(archive.append_data(2 * i, view("ab"), at_second(i * 2.0)));
            ASSERT_TRUE(archive.flush());
        }
    }
    overwrite(file(0, "log"), 2, std::string(4, '\0'));
    PortArchive archive = open();

    EXPECT_EQ(archive.next().offset, 2u);
    EXPECT_EQ(archive.repair().index_bytes_cut, 2 * index_unit_bytes);
    EXPECT_EQ(archive.repair().log_bytes_cut, 4u);
    ASSERT_TRUE(archive.append_data(6, view("gh"), at_second(9)));
    ASSERT_TRUE(archive.flush());
    EXPECT_THAT(read_all(path()), ElementsAre("ab@0", "gap[2,6)+0 not archived", "gh@6"));
}

TEST_F(PortArchiveTest, AnIndexWithADamagedHeaderIsMovedAside) {
    {
        PortArchive archive = open(4);
        ASSERT_TRUE(archive.append_data(0, view("abcdef"), at_second(1)));
        ASSERT_TRUE(archive.flush());
    }
    overwrite(file(4, "idx"), 20, "x");
    PortArchive archive = open(4);

    EXPECT_EQ(archive.next().offset, 4u);
    EXPECT_EQ(contents_of(file(4, "log") + ".damaged"), "ef");
    ASSERT_TRUE(archive.append_data(6, view("gh"), at_second(9)));
    ASSERT_TRUE(archive.flush());
    EXPECT_THAT(read_all(path()), ElementsAre("abcd@0", "gap[4,6)+0 not archived", "gh@6"));
}

TEST_F(PortArchiveTest, AnotherLogContinuesTheOffsetsInItsOwnSegment) {
    {
        PortArchive archive = open();
        ASSERT_TRUE(archive.append_data(0, view("ab"), at_second(1)));
        ASSERT_TRUE(archive.append_event(event_item(2, 7, port::OutputHeld{true})));
        ASSERT_TRUE(archive.flush());
    }
    PortArchive archive = open(1000, "log-2");
    EXPECT_EQ(archive.next(), (log::Cursor{2, 0}));
    ASSERT_TRUE(archive.append_event(event_item(2, 1, port::OutputHeld{false})));
    ASSERT_TRUE(archive.append_data(2, view("cd"), at_second(1)));
    ASSERT_TRUE(archive.flush());

    ArchiveReader reader(path(), "log-2");
    log::Cursor cursor{0, 0};
    EXPECT_THAT(read_on(reader, cursor), ElementsAre("gap[0,2)+0 of another log, log-1", "event 1@2", "cd@2"));
}

TEST_F(PortArchiveTest, WhatWasLostWhileTheDirectoryWasGoneIsAGap) {
    PortArchive archive = open();
    ASSERT_TRUE(archive.append_data(0, view("ab"), at_second(1)));
    ASSERT_TRUE(archive.sync());
    std::filesystem::remove_all(directory_.path());
    ASSERT_TRUE(archive.append_data(2, view("cd"), at_second(1)));

    const auto synced = archive.sync();

    ASSERT_FALSE(synced);
    EXPECT_THAT(synced.error().message, HasSubstr("was deleted"));
    ASSERT_TRUE(archive.append_data(4, view("ef"), at_second(1)));
    ASSERT_TRUE(archive.sync());
    EXPECT_THAT(read_all(path()), ElementsAre("ef@4"));
    ArchiveReader reader(path());
    log::Cursor cursor;
    EXPECT_THAT(read_on(reader, cursor), ElementsAre("gap[0,4)+0 no longer kept in the archive", "ef@4"));
}

TEST_F(PortArchiveTest, AFailedAppendSaysWhyAndTheGapRepeatsIt) {
    TemporaryDirectory blocked;
    std::ofstream(blocked.path() + "/board") << "a file where the directory should be";
    PortArchive archive = [&] {
        auto opened = PortArchive::open({blocked.path(), "board", "log-1", 1000, 24h});
        EXPECT_FALSE(opened);
        std::filesystem::remove(blocked.path() + "/board");
        auto again = PortArchive::open({blocked.path(), "board", "log-1", 1000, 24h}).value();
        std::ofstream(blocked.path() + "/board") << "again";
        return again;
    }();

    const auto appended = archive.append_data(0, view("lost"), at_second(1));

    ASSERT_FALSE(appended);
    std::filesystem::remove(blocked.path() + "/board");
    ASSERT_TRUE(archive.append_data(4, view("kept"), at_second(1)));
    ASSERT_TRUE(archive.flush());
    EXPECT_THAT(read_all(blocked.path() + "/board"), ElementsAre("gap[0,4)+0 " + appended.error().message, "kept@4"));
}

/// As a full disk does it: a write takes a part of the bytes, and the next one fails.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = nullptr;
};

TEST_F(PortArchiveTest, AfterAWriteThatWasCutShortOnlyWhatFailedIsMissing) {
    PortArchive archive = open(100'000);
    ASSERT_TRUE(archive.append_data(0, view(device_bytes(0, 1000)), at_second(1)));
    std::string reason;
    {
        const FileSizeLimit limit(1500);
        const auto appended = archive.append_data(1000, view(device_bytes(1000, 1000)), at_second(1));
        ASSERT_FALSE(appended);
        reason = appended.error().message;
    }
    ASSERT_TRUE(archive.append_data(2000, view(device_bytes(2000, 10)), at_second(1)));
    ASSERT_TRUE(archive.sync());

    EXPECT_THAT(read_all(path()), ElementsAre(device_bytes(0, 1000) + "@0", "gap[1000,2000)+0 " + reason,
                                              device_bytes(2000, 10) + "@2000"));
}

TEST_F(PortArchiveTest, ASpanWhoseRecordCannotBeWrittenIsIndexedLater) {
    PortArchive archive = open(100'000);
    ASSERT_TRUE(archive.append_data(0, view(device_bytes(0, 100)), at_second(1)));
    {
        const FileSizeLimit limit(index_header_bytes + 10);
        EXPECT_FALSE(archive.flush());
        EXPECT_TRUE(read_all(path()).empty());
    }
    ASSERT_TRUE(archive.append_data(100, view(device_bytes(100, 100)), at_second(1)));
    ASSERT_TRUE(archive.flush());

    EXPECT_THAT(read_all(path()), ElementsAre(device_bytes(0, 200) + "@0"));
}

}  // namespace
}  // namespace vserd::archive
