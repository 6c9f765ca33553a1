// How the log of a port goes on after a start, and what is sent to it.
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "archive/check.hpp"
#include "archive/recording.hpp"
#include "unit/archive_support.hpp"

namespace vserd::archive {
namespace {

/// The memory of a log::DataItem, as a block.
log::Item data_item(std::uint64_t offset, std::string_view text, double second) {
    auto memory = std::make_unique<std::byte[]>(text.size());
    std::copy_n(view(text).begin(), text.size(), memory.get());
    log::BlockRef block(new log::Block);
    block->data = memory.release();
    block->first_offset = offset;
    block->used = text.size();
    log::DataItem item{offset, text.size(), {}, {at_second(second), log::before_this_boot}};
    item.slices.push_back({block, block->data, text.size()});
    return item;
}

Sent sent(std::uint64_t offset, std::string_view text, double second) {
    const ByteView bytes = view(text);
    return {offset, at_second(second), {bytes.begin(), bytes.end()}};
}

class RecordingTest : public testing::Test {
protected:
    std::shared_ptr<Recording> open() {
        auto opened = Recording::open(settings_, "board");
        EXPECT_TRUE(opened) << opened.error().message;
        return opened.value();
    }
    std::string path() const { return directory_.path() + "/board"; }

    /// A first process, whose log "log-1" has 100 bytes and an event.
    void record(bool exact) {
        const auto recording = open();
        EXPECT_TRUE(recording->begin("log-1", 0, false).is_in_memory);
        Batch batch;
        batch.items.push_back(data_item(0, device_bytes(0, 100), 1));
        batch.items.emplace_back(event_item(100, 1, port::Notice{"n", "test"}));
        batch.reserve = exact ? Reservation{"log-1", 100, 1} : reservation_for("log-1", 0, 0);
        batch.sync_now = true;
        const Recorded recorded = recording->write(batch);
        ASSERT_TRUE(recorded.result) << recorded.result.error().message;
        EXPECT_EQ(recorded.next, (log::Cursor{100, 1}));
    }

    TemporaryDirectory directory_;
    Settings settings_{.directory = directory_.path(), .keep = {}, .keep_free = {}};
};

TEST_F(RecordingTest, ANewLogGoesOnInMemory) {
    const auto recording = open();

    const Beginning begin = recording->begin("log-1", 500, false);

    EXPECT_TRUE(begin.is_in_memory);
    EXPECT_EQ(begin.log_id, "log-1");
    EXPECT_FALSE(std::filesystem::exists(path())) << "nothing is created before there is something to archive";
}

TEST_F(RecordingTest, AfterAStopTheLogGoesOnWhereItEnded) {
    record(true);

    const Beginning begin = open()->begin("log-2", 0, false);

    EXPECT_FALSE(begin.is_in_memory);
    EXPECT_EQ(begin.log_id, "log-1");
    EXPECT_EQ(begin.at, (log::Cursor{100, 1}));
}

TEST_F(RecordingTest, AfterAPowerLossItGoesOnBehindWhatWasReserved) {
    record(false);

    const Beginning begin = open()->begin("log-2", 0, false);

    EXPECT_FALSE(begin.is_in_memory);
    EXPECT_EQ(begin.log_id, "log-1");
    EXPECT_EQ(begin.at, (log::Cursor{2 * reserved_bytes, 2 * reserved_events}));
}

TEST_F(RecordingTest, AnotherPowerLossBeforeAnythingWasWrittenUsesNoOffsetTwice) {
    record(false);
    const std::uint64_t first = open()->begin("log-2", 0, false).at.offset;

    EXPECT_GT(open()->begin("log-3", 0, false).at.offset, first);
}

TEST_F(RecordingTest, ALogThatSurvivedInMemoryGoesOn) {
    record(false);

    const Beginning begin = open()->begin("log-1", 130, true);

    EXPECT_TRUE(begin.is_in_memory);
    EXPECT_EQ(begin.log_id, "log-1");
}

TEST_F(RecordingTest, AnOlderOrAnotherLogInMemoryDoesNotGoOn) {
    record(false);

    EXPECT_FALSE(open()->begin("log-1", 99, true).is_in_memory) << "the archive has more";
    EXPECT_FALSE(open()->begin("log-2", 130, true).is_in_memory) << "of another log";
}

TEST_F(RecordingTest, ADamagedStateIsAnErrorThatNamesTheFile) {
    record(true);
    for (const std::size_t at : {std::size_t{0}, std::size_t{4096}}) overwrite(path() + "/state", at, "xxxxxxxx");

    const auto opened = Recording::open(settings_, "board");

    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().failure, Failure::invalid_argument);
    EXPECT_NE(opened.error().message.find("/board/state is damaged"), std::string::npos);
}

TEST_F(RecordingTest, WithoutItsStateTheLogGoesOnBehindTheArchive) {
    record(true);
    std::filesystem::remove(path() + "/state");

    const Beginning begin = open()->begin("log-2", 0, false);

    EXPECT_FALSE(begin.is_in_memory);
    EXPECT_EQ(begin.log_id, "log-2");
    EXPECT_GT(begin.at.offset, 100U);
}

TEST_F(RecordingTest, IsSyncedBeforeTheNextRoundWouldBeTooLate) {
    settings_.sync = std::chrono::hours{1};
    const auto recording = Recording::open(settings_, "board").value();
    ASSERT_TRUE(recording->begin("log-1", 0, false).is_in_memory);
    EXPECT_FALSE(recording->write({}).waits_for_sync);
    Batch batch{{data_item(0, "abcd", 1)}, {}, 4, false, reservation_for("log-1", 0, 0), false};
    const Recorded waits = recording->write(batch);
    EXPECT_TRUE(waits.result && waits.waits_for_sync);
    EXPECT_EQ(waits.unsynced_bytes, 4u);

    settings_.sync = std::chrono::seconds{1};
    const auto quick = Recording::open(settings_, "other").value();
    ASSERT_TRUE(quick->begin("log-2", 0, false).is_in_memory);
    EXPECT_TRUE(quick->write(batch).waits_for_sync) << "there is time for one more round";
    std::this_thread::sleep_for(settings_.round());
    const Recorded synced = quick->write({});
    EXPECT_FALSE(synced.waits_for_sync);
    EXPECT_EQ(synced.unsynced_bytes, 0u);
}

TEST_F(RecordingTest, WhatIsSentIsAnArchiveOfItsOwn) {
    const auto recording = open();
    recording->begin("log-1", 0, false);
    Batch batch;
    batch.items.push_back(data_item(0, "login: ", 1));
    batch.sent = {sent(0, "ro", 2), sent(2, "ot", 3)};
    batch.records_sent = true;

    const Recorded recorded = recording->write(batch);

    ASSERT_TRUE(recorded.result);
    EXPECT_EQ(recorded.sent_next, 4U);
    EXPECT_EQ(read_all(path()), (std::vector<std::string>{"login: @0"}));
    EXPECT_EQ(read_all(sent_path(path())), (std::vector<std::string>{"root@0"}));
    EXPECT_EQ(contents_of(sent_path(path()) + "/00000000000000000000.log"), "root");
    EXPECT_EQ(open()->sent_next(), 4U) << "a later process knows it";
    EXPECT_EQ(stat_port(sent_path(path()))->port, "board@tx");
}

TEST_F(RecordingTest, WhatWasNotSentIsAGapAndWhatWasArchivedIsSkipped) {
    const auto recording = open();
    recording->begin("log-1", 0, false);
    Batch batch;
    batch.sent = {sent(0, "one", 1)};
    ASSERT_TRUE(recording->write(batch).result);
    batch.sent = {sent(0, "one", 1), sent(2, "e two", 2), sent(20, "three", 3)};

    const Recorded recorded = recording->write(batch);

    ASSERT_TRUE(recorded.result);
    EXPECT_EQ(recorded.sent_next, 25U);
    EXPECT_EQ(recorded.gap_bytes, 0U) << "of what was received";
    EXPECT_EQ(read_all(sent_path(path())),
              (std::vector<std::string>{"one two@0", "gap[7,20)+0 not recorded, or discarded before they were sent",
                                        "three@20"}));
}

TEST_F(RecordingTest, WhatIsSentSplitsWhatIsReceivedByTime) {
    const auto recording = open();
    recording->begin("log-1", 0, false);
    Batch batch;
    batch.items = {data_item(0, "a", 1), data_item(1, "b", 1.004), data_item(2, "c", 1.008), data_item(3, "d", 1.5)};
    batch.sent = {sent(0, "x", 1.005)};
    batch.records_sent = true;
    ASSERT_TRUE(recording->write(batch).result);

    ArchiveReader reader(path());
    log::Cursor cursor;
    ReadBatch read;
    ASSERT_TRUE(reader.read(cursor, 1000, read));

    std::vector<std::pair<std::uint64_t, log::WallTime>> spans;
    for (const ArchivedItem& item : read.items) {
        const auto& data = std::get<ArchivedData>(item);
        spans.emplace_back(data.offset, data.received);
    }
    EXPECT_EQ(spans, (decltype(spans){{0, at_second(1.004)}, {2, at_second(1.008)}, {3, at_second(1.5)}}));
}

}  // namespace
}  // namespace vserd::archive
