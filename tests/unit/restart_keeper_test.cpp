#include "restart/keeper.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>

#include "log/byte_log.hpp"

namespace vserd::restart {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t capacity = std::size_t{64} << 10;

/// Holds duplicates, as systemd does: of the same open file, so that locks on it stay as well.
class Manager {
public:
    FdStore face() {
        return {.put = [this](const std::string& name, int fd) { kept_[name] = base::Fd(::dup(fd)); },
                .remove = [this](const std::string& name) { kept_.erase(name); }};
    }
    std::vector<StoredFd> gives() const {
        std::vector<StoredFd> stored;
        for (const auto& [name, fd] : kept_) stored.push_back({name, base::Fd(::dup(fd.get()))});
        return stored;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (const auto& [name, fd] : kept_) names.push_back(name);
        return names;
    }
    int fd(const std::string& name) const { return kept_.at(name).get(); }
    /// Whether that is what it holds of the name.
    bool has(const std::string& name, const std::string& path) const {
        struct stat here {};
        struct stat there {};
        return ::fstat(kept_.at(name).get(), &here) == 0 && ::stat(path.c_str(), &there) == 0 &&
               here.st_ino == there.st_ino && here.st_dev == there.st_dev;
    }

private:
    std::map<std::string, base::Fd> kept_;
};

class KeeperTest : public testing::Test {
protected:
    KeeperTest() {
        std::string name = (std::filesystem::temp_directory_path() / "keeper-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~KeeperTest() override {
        ::unsetenv("VSERD_BOOT_ID");
        std::filesystem::remove_all(folder_);
    }

    std::string state_dir() const { return folder_ + "/state"; }
    std::string file_of(const std::string& port) const { return state_dir() + "/" + port + ".vserlog"; }
    std::vector<std::string> files() const {
        std::vector<std::string> files;
        for (const auto& file : std::filesystem::directory_iterator(state_dir())) {
            if (file.path().extension() == ".vserlog") files.push_back(file.path().filename());
        }
        return files;
    }

    /// A process that is supervised, and has one port.
    struct Life {
        Keeper keeper;
        KeptPort kept;
        std::vector<std::string> dropped;
        log::ByteLog log;

        Life(const std::string& state_dir, std::optional<FdStore> manager, std::vector<StoredFd> stored,
             const std::string& port, std::size_t bytes, const std::string& owner = "vserd.toml")
            : keeper(StateDirectory(state_dir, owner), std::move(manager), std::move(stored)),
              kept(keeper.open({port, {}, "/dev/ttyUSB0", {}}, bytes)),
              dropped(keeper.drop_unclaimed()),
              log(kept.store ? kept.store : log::LogStore::in_memory(bytes)) {}
        void stop() { EXPECT_TRUE(keeper.directory().leave()); }
        void append(std::string_view text) { log.append(std::as_bytes(std::span{text})); }
        std::string text() const {
            std::string text;
            log::Cursor cursor = log.at_offset(log.oldest_offset());
            while (const auto item = log.read(cursor, 1 << 20)) {
                for (const log::Slice& slice : std::get<log::DataItem>(*item).slices) {
                    text.append(reinterpret_cast<const char*>(slice.data), slice.size);
                }
            }
            return text;
        }
    };
    Life supervised(const std::string& folder, const std::string& port = "board", std::size_t bytes = capacity) {
        return {folder, manager_.face(), manager_.gives(), port, bytes};
    }
    /// After a stop or a reboot: the manager holds nothing.
    Life alone(const std::string& port = "board", std::size_t bytes = capacity) {
        manager_ = {};
        return {state_dir(), std::nullopt, {}, port, bytes};
    }

    static void boot(const char* id) { ::setenv("VSERD_BOOT_ID", id, 1); }

    std::string folder_;
    Manager manager_;
};

TEST_F(KeeperTest, AFolderThatIsNewTakesTheLogThatTheManagerHeld) {
    std::string id;
    {
        Life before = supervised("");
        before.append("from before");
        id = before.log.id();
    }
    {
        Life moved = supervised(state_dir());
        EXPECT_EQ(moved.kept.warning, "");
        EXPECT_TRUE(moved.kept.resumed);
        EXPECT_EQ(moved.log.id(), id);
        EXPECT_EQ(moved.text(), "from before");
        EXPECT_THAT(manager_.names(), ElementsAre("log-0"));
        EXPECT_TRUE(manager_.has("log-0", file_of("board")));
        moved.append(", and after");
    }
    const Life booted = alone();

    EXPECT_EQ(booted.log.id(), id);
    EXPECT_EQ(booted.text(), "from before, and after");
}

/// As another version of vserd would leave it.
void make_another_version(int file) {
    alignas(log::LogHeader) std::array<std::byte, sizeof(log::LogHeader)> bytes{};
    ASSERT_EQ(::pread(file, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    auto& header = *reinterpret_cast<log::LogHeader*>(bytes.data());
    header.version = log::log_version + 1;
    const std::size_t begin = offsetof(log::LogHeader, capacity_bytes);
    header.check = static_cast<std::uint32_t>(
        log::hash_of(bytes.data() + begin, offsetof(log::LogHeader, unsaved) - begin, header.version));
    ASSERT_EQ(::pwrite(file, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
}

TEST_F(KeeperTest, ALogThatCannotGoOnLeavesTheDeviceOpen) {
    supervised("").keeper.device_opened("board", STDIN_FILENO);
    ASSERT_THAT(manager_.names(), ElementsAre("device-0", "log-0"));

    {
        const Life resized = supervised("", "board", 2 * capacity);
        EXPECT_THAT(resized.kept.warning,
                    HasSubstr("has another size (bytes_per_port has changed); starting a new log"));
        EXPECT_FALSE(resized.kept.resumed);
        EXPECT_TRUE(resized.kept.device);
    }
    EXPECT_THAT(manager_.names(), ElementsAre("device-0", "log-0"));
    make_another_version(manager_.fd("log-0"));
    const Life updated = supervised("", "board", 2 * capacity);

    EXPECT_THAT(updated.kept.warning, HasSubstr("was written by another version of vserd"));
    EXPECT_TRUE(updated.kept.device);
    EXPECT_THAT(manager_.names(), ElementsAre("device-0", "log-0"));
    EXPECT_TRUE(supervised("", "board", 2 * capacity).kept.resumed);
}

TEST_F(KeeperTest, AFileThatWasDeletedComesBack) {
    supervised(state_dir()).append("bytes");
    std::filesystem::remove(file_of("board"));

    const Life next = supervised(state_dir());

    EXPECT_EQ(next.text(), "bytes");
    EXPECT_TRUE(manager_.has("log-0", file_of("board")));
}

TEST_F(KeeperTest, AFolderThatCannotHaveTheLogLeavesItWithTheManagerAndSaysSo) {
    supervised("").append("bytes");
    std::ofstream(state_dir()) << "in the way";

    const Life next = supervised(state_dir());

    EXPECT_EQ(next.text(), "bytes");
    EXPECT_THAT(next.kept.warning, HasSubstr("only the service manager keeps the log: state_dir: "));
    EXPECT_THAT(manager_.names(), ElementsAre("log-0"));
}

TEST_F(KeeperTest, ALogInTheFolderThatDoesNotFitMakesRoomForANewOne) {
    supervised(state_dir()).append("bytes");

    for (int start = 0; start < 2; ++start) {
        const Life next = supervised(state_dir(), "board", 2 * capacity);
        EXPECT_EQ(next.kept.warning,
                  start == 0 ? "the stored log has another size (bytes_per_port has changed); starting a new log" : "");
        EXPECT_THAT(manager_.names(), ElementsAre("log-0"));
        EXPECT_TRUE(manager_.has("log-0", file_of("board")));
    }
}

TEST_F(KeeperTest, ADamagedLogInTheFolderMakesRoomForANewOne) {
    supervised(state_dir()).append("bytes");
    std::fstream(file_of("board"), std::ios::in | std::ios::out | std::ios::binary) << "no log";

    const Life next = supervised(state_dir());

    EXPECT_THAT(next.kept.warning, HasSubstr("is damaged or incomplete; starting a new log"));
    EXPECT_THAT(manager_.names(), ElementsAre("log-0"));
    EXPECT_TRUE(manager_.has("log-0", file_of("board")));
}

TEST_F(KeeperTest, TheFileOfAPortThatIsGoneGoesToo) {
    supervised(state_dir(), "gone").append("bytes");

    const Life next = supervised(state_dir(), "board");

    EXPECT_THAT(files(), ElementsAre("board.vserlog"));
    EXPECT_THAT(manager_.names(), ElementsAre("log-1"));
    EXPECT_EQ(next.dropped.size(), 2U);
}

TEST_F(KeeperTest, AfterACrashOfTheMachineANewLogBegins) {
    boot("one");
    std::string id;
    {
        Life before = alone();
        before.append("what a client has seen");
        id = before.log.id();
    }
    EXPECT_EQ(alone().log.id(), id);  // a kill alone
    boot("two");
    {
        Life crashed = alone();
        EXPECT_NE(crashed.log.id(), id);
        EXPECT_EQ(crashed.text(), "");
        EXPECT_THAT(crashed.kept.warning, HasSubstr("the stored log was not closed before the machine went down"));
        crashed.append("new");
        id = crashed.log.id();
        crashed.stop();
    }
    boot("three");
    {
        const Life in_order = alone();
        EXPECT_EQ(in_order.log.id(), id);
        EXPECT_EQ(in_order.text(), "new");
    }
    boot("four");  // what was written in the third is not sure
    EXPECT_NE(alone().log.id(), id);
}

TEST_F(KeeperTest, WhereTheBootIsNotKnownOnlyAnOrderlyStopKeepsTheFiles) {
    boot("");
    std::string id(alone().log.id());
    EXPECT_NE(alone().log.id(), id);
    {
        Life next = alone();
        id = next.log.id();
        next.stop();
    }
    EXPECT_EQ(alone().log.id(), id);
}

TEST_F(KeeperTest, AStartThatFailsMakesNothingWhole) {
    boot("one");
    const std::string id(alone().log.id());
    boot("two");
    {
        Keeper failed(StateDirectory(state_dir(), "vserd.toml"), std::nullopt, {});
        EXPECT_TRUE(failed.directory().leave());
    }

    EXPECT_NE(alone().log.id(), id);
}

TEST_F(KeeperTest, WhatTheManagerHeldIsWholeWhateverTheFolderSays) {
    boot("");
    supervised(state_dir()).append("bytes");

    EXPECT_EQ(supervised(state_dir()).text(), "bytes");
}

TEST_F(KeeperTest, AFolderIsOfOneProcess) {
    const Life first = alone();

    const StateDirectory second(state_dir(), "other.toml");

    EXPECT_TRUE(second.is_refused());
    EXPECT_EQ(second.problem(),
              state_dir() + " is in use by another vserd (configuration vserd.toml); give each its own directory");
}

TEST_F(KeeperTest, FilesOfAnotherConfigurationStay) {
    const std::string id(alone("theirs").log.id());

    Life ours(state_dir(), std::nullopt, {}, "ours", capacity, "other.toml");

    EXPECT_THAT(files(), testing::UnorderedElementsAre("ours.vserlog", "theirs.vserlog"));
    EXPECT_THAT(ours.dropped, ElementsAre(HasSubstr("belongs to another configuration")));
}

}  // namespace
}  // namespace vserd::restart
