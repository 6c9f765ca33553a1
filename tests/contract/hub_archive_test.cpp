// One port's log in memory and in the archive, on a real pty and a real directory.
#include <filesystem>
#include <fstream>
#include <map>

#include "contract/port_fixture.hpp"

namespace vserd {
namespace {

constexpr std::size_t memory_bytes = 16'384;
constexpr std::size_t segment_bytes = 32'768;

class ArchiveTest : public HubTest {
protected:
    void archive(std::chrono::milliseconds upkeep) {
        archive::Settings settings;
        settings.directory = (directory_ / "archive").string();
        settings.segment_bytes = segment_bytes;
        settings.sync = std::chrono::milliseconds{100};
        settings.upkeep = upkeep;
        hub_->archive_to(settings);
    }

    /// No faster than the archive takes them, because the log does not wait for it.
    void send_archived(hub::Channel& channel, std::size_t size) {
        while (size > 0) {
            std::string line = std::to_string(sent_.size()) + "\n";
            while (line.size() < 2048) line += std::to_string(sent_.size() + line.size()) + "\n";
            device_sends(line);
            sent_ += line;
            size -= std::min(size, line.size());
            ASSERT_TRUE(
                until([&] { return channel.log().next_offset() == sent_.size() && archived() + 8192 > sent_.size(); }));
        }
    }

    /// Of the device; a sealed segment was full.
    std::size_t archived() const {
        std::error_code ignored;
        std::map<std::string, std::size_t> sizes;
        for (const auto& entry : std::filesystem::directory_iterator(directory_ / "archive" / "p", ignored)) {
            const std::string base = entry.path().filename().string().substr(0, 20);
            if (entry.path().extension() == ".zst") sizes.emplace(base, segment_bytes);
            if (entry.path().extension() == ".log") sizes[base] = entry.file_size(ignored);
        }
        std::size_t size = 0;
        for (const auto& [base, bytes] : sizes) size += bytes;
        return size;
    }

    std::size_t files(const std::string& extension) const {
        std::error_code ignored;
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(directory_ / "archive" / "p", ignored))
            count += entry.path().extension() == extension ? 1U : 0U;
        return count;
    }

    /// As a mount point that is not mounted yet.
    void block_the_directory() { std::ofstream(directory_ / "archive") << "a file"; }
    void unblock_the_directory() { std::filesystem::remove(directory_ / "archive"); }

    std::string sent_;
};

/// The states of the archive that the journal would show; empty: it works again.
struct ArchiveStates : hub::PortWatcher {
    void on_port_added(const hub::Channel& /*channel*/) override {}
    void on_port_event(const hub::Channel& /*channel*/, const log::EventItem& /*event*/) override {}
    void on_port_removed(const hub::Channel& /*channel*/) override {}
    void on_archive_state(const std::string& /*port*/, const Result<void>& state) override {
        seen.push_back(state ? std::string() : state.error().message);
    }

    std::vector<std::string> seen;
};

TEST_P(ArchiveTest, SealedAndPlainSegmentsAndMemoryAreOneLog) {
    archive(std::chrono::milliseconds{20});
    auto& channel = online_port(memory_bytes);
    send_archived(channel, 200'000);
    ASSERT_TRUE(until([&] { return files(".log") == 1; })) << "upkeep seals all but the last segment";
    for (const std::uint64_t offset :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{40'000}, std::uint64_t{150'001}}) {
        Recorder reader;
        reader.start(channel, hub::StartOffset{offset});
        EXPECT_TRUE(until([&] { return reader.text.size() == sent_.size() - offset; }));
        EXPECT_EQ(reader.text, sent_.substr(offset));
        EXPECT_TRUE(reader.gaps.empty());
    }
}

TEST_P(ArchiveTest, AReaderThatStopsIsServedFromSegmentsThatAreSealedMeanwhile) {
    archive(std::chrono::milliseconds{20});
    auto& channel = online_port(memory_bytes);
    Recorder reader;
    reader.start(channel, hub::StartOldest{});
    reader.stopped = true;
    send_archived(channel, 150'000);
    reader.stopped = false;
    reader.on_available();
    send_archived(channel, 100'000);

    EXPECT_TRUE(until([&] { return reader.text.size() == sent_.size(); }));
    EXPECT_EQ(reader.text, sent_);
    EXPECT_TRUE(reader.gaps.empty());
    EXPECT_EQ(reader.count<port::CameOnline>(), 1u);
}

TEST_P(ArchiveTest, AReaderWithoutItsArchiveGetsAGapAndGoesOn) {
    archive(std::chrono::hours{1});
    auto& channel = online_port(memory_bytes);
    send_archived(channel, 100'000);
    std::filesystem::remove_all(directory_ / "archive");
    Recorder reader;
    reader.start(channel, hub::StartOffset{0});

    EXPECT_TRUE(until([&] { return reader.next_offset == sent_.size(); }));
    ASSERT_EQ(reader.gaps.size(), 1u);
    EXPECT_EQ(reader.text, sent_.substr(reader.gaps[0].to));
}

TEST_P(ArchiveTest, APortJoinsADirectoryThatComesLater) {
    block_the_directory();
    archive(std::chrono::milliseconds{20});
    ArchiveStates states;
    hub_->add_watcher(states);
    auto& channel = online_port(memory_bytes);
    device_sends(sent_ = "before\n");
    EXPECT_TRUE(until([&] { return channel.log().next_offset() == sent_.size(); }));
    EXPECT_FALSE(channel.is_archived());
    EXPECT_EQ(states.seen.size(), 1u) << "an error that stays is told once";

    unblock_the_directory();
    EXPECT_TRUE(until([&] { return archived() == sent_.size(); }));
    EXPECT_EQ(states.seen.back(), "");
    send_archived(channel, 100'000);
    Recorder reader;
    reader.start(channel, hub::StartOffset{0});
    EXPECT_TRUE(until([&] { return reader.text.size() == sent_.size(); }));
    EXPECT_EQ(reader.text, sent_);
    EXPECT_TRUE(reader.gaps.empty());
    hub_->remove_watcher(states);
}

TEST_P(ArchiveTest, APortDoesNotJoinTheArchiveOfAnEarlierLog) {
    archive::Settings earlier;
    earlier.directory = (directory_ / "earlier").string();
    {
        auto recording = archive::Recording::open(earlier, "p");
        ASSERT_TRUE(recording);
        static_cast<void>((*recording)->begin("an-earlier-log", 0, false));
        archive::Batch batch;
        batch.reserve = archive::reservation_for("an-earlier-log", 0, 0);
        ASSERT_TRUE((*recording)->write(batch).result);
    }
    block_the_directory();
    archive(std::chrono::milliseconds{20});
    ArchiveStates states;
    hub_->add_watcher(states);
    auto& channel = online_port(memory_bytes);

    unblock_the_directory();
    std::filesystem::rename(directory_ / "earlier", directory_ / "archive");
    EXPECT_TRUE(until([&] { return states.seen.size() == 2; }));
    EXPECT_NE(states.seen.back().find("restart vserd"), std::string::npos) << states.seen.back();
    EXPECT_FALSE(channel.is_archived());
    hub_->remove_watcher(states);
}

INSTANTIATE_TEST_SUITE_P(Engines, ArchiveTest, testing::Values("epoll"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
