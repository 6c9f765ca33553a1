// A replay with a simulated clock: what the device sends, and when.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "sim/sim_application.hpp"
#include "unit/capture_support.hpp"

namespace vserd::sim {
namespace {

using capture::event;
using capture::Record;
using capture::rx;
using capture::tx;
using std::chrono::milliseconds;

/// The capture as a file that goes away with the test.
class CaptureFile {
public:
    explicit CaptureFile(const std::string& content) {
        int fd = ::mkstemp(path_.data());
        if (fd >= 0) ::close(fd);
        write(content);
    }
    ~CaptureFile() { ::unlink(path_.c_str()); }
    CaptureFile(const CaptureFile&) = delete;
    CaptureFile& operator=(const CaptureFile&) = delete;

    void write(const std::string& content) const { std::ofstream(path_, std::ios::binary) << content; }
    const std::string& path() const noexcept { return path_; }

private:
    std::string path_ = testing::TempDir() + "vserd-capture-XXXXXX";
};

class Replay {
public:
    explicit Replay(const std::string& content, double speed = 1, bool loop = false)
        : file_(content), device_(make_sim_replay(state_, {file_.path(), speed, loop})) {
        opened_ = device_->prepare();
        device_->power_on(now_);
    }

    /// "TEXT@ms" for everything that is sent until that time, as the simulator would do it.
    std::vector<std::string> until(std::int64_t ms) {
        std::vector<std::string> sent;
        while (true) {
            device_->refill(now_);
            if (const std::string text = take(); !text.empty())
                sent.push_back(text + "@" + std::to_string((now_ - start_) / milliseconds(1)));
            const auto next = device_->next_event();
            if (!next || *next > start_ + milliseconds(ms)) break;
            now_ = std::max(now_, *next);
        }
        now_ = start_ + milliseconds(ms);
        return sent;
    }
    std::string take() {
        std::string text(device_->output().size(), '\0');
        device_->output().pop(std::as_writable_bytes(std::span(text)));
        return text;
    }

    const CaptureFile& file() const noexcept { return file_; }
    SimApplication& device() noexcept { return *device_; }
    SimState& state() noexcept { return state_; }
    const Result<void>& opened() const noexcept { return opened_; }
    SimTime now() const noexcept { return now_; }

private:
    CaptureFile file_;
    SimState state_;
    std::unique_ptr<SimApplication> device_;
    SimTime start_{std::chrono::hours(1)};
    SimTime now_ = start_;
    Result<void> opened_;
};

using Sent = std::vector<std::string>;

const std::string three = capture::capture_of({rx(0, 0, "a"), tx(50, 0, "typed"), rx(100, 1, "bc"), rx(1100, 3, "d")});

TEST(SimReplay, BytesComeAtTheTimesOfTheCapture) {
    EXPECT_EQ(Replay(three).until(5000), (Sent{"a@0", "bc@100", "d@1100"}));
    EXPECT_EQ(Replay(three, 10).until(5000), (Sent{"a@0", "bc@10", "d@110"}));
    EXPECT_EQ(Replay(three, 0.5).until(5000), (Sent{"a@0", "bc@200", "d@2200"}));
    EXPECT_EQ(Replay(three, 0).until(0), (Sent{"abcd@0"})) << "speed=max";
}

TEST(SimReplay, ItStopsBetweenTwoTimes) {
    Replay replay(three);

    EXPECT_EQ(replay.until(1099), (Sent{"a@0", "bc@100"}));
    EXPECT_EQ(replay.until(1100), (Sent{"d@1100"}));
    EXPECT_FALSE(replay.device().next_event()) << "at the end it is quiet";
}

TEST(SimReplay, AClockThatWasSetBackDoesNotReorder) {
    EXPECT_EQ(Replay(capture::capture_of({rx(5000, 0, "a"), rx(1000, 1, "b"), rx(5100, 2, "c")})).until(9000),
              (Sent{"ab@0", "c@100"}));
}

TEST(SimReplay, TimesThatAreTooFarApartDoNotOverflow) {
    const std::int64_t century = 100LL * 365 * 24 * 3600 * 1000;  // both times are valid, but not their distance
    Replay replay(capture::capture_of({rx(-3 * century, 0, "a"), rx(2 * century, 1, "b")}));
    EXPECT_EQ(replay.until(5000), (Sent{"a@0"}));
}

TEST(SimReplay, ALoopBeginsAgainWhereItEnds) {
    EXPECT_EQ(Replay(three, 1, true).until(2250), (Sent{"a@0", "bc@100", "da@1100", "bc@1200", "da@2200"}));
}

TEST(SimReplay, ALoopWithoutBytesEnds) {
    Replay replay(capture::capture_of({tx(0, 0, "typed")}), 0, true);

    EXPECT_EQ(replay.until(10), Sent{});
    EXPECT_FALSE(replay.device().next_event());
}

TEST(SimReplay, MoreThanTheOutputHoldsWaitsForTheHost) {
    const std::string much(200'000, 'x');
    Replay replay(capture::capture_of({rx(0, 0, much)}), 0);

    std::size_t size = 0;
    for (int turns = 0; size < much.size() && turns < 100; ++turns) {
        replay.device().refill(replay.now());
        EXPECT_LE(replay.device().output().size(), 65'536U);
        const bool waits = replay.device().output().room() == 0 && size + 65'536 < much.size();
        EXPECT_FALSE(waits && replay.device().next_event()) << "it would spin";
        size += replay.take().size();
    }

    EXPECT_EQ(size, much.size());
}

TEST(SimReplay, ManyRecordsWithoutBytesGoOnAfterTheOtherDevices) {
    std::vector<Record> records;
    for (std::uint64_t i = 0; i < 10'000; ++i) records.push_back(tx(0, i, "t"));
    records.push_back(rx(0, 0, "end"));
    Replay replay(capture::capture_of(records), 0);

    replay.device().refill(replay.now());

    EXPECT_TRUE(replay.device().output().empty());
    EXPECT_EQ(replay.device().next_event(), replay.now());
    EXPECT_EQ(replay.until(0), (Sent{"end@0"}));
}

TEST(SimReplay, TheDeviceIsAwayAsLongAsInTheCapture) {
    Replay replay(capture::capture_of({rx(0, 0, "a"), event(100, "offline", "unplugged"), tx(200, 0, "lost"),
                                       event(600, "online", "/dev/x"), rx(700, 1, "b")}),
                  2);

    EXPECT_EQ(replay.until(50), (Sent{"a@0"}));
    EXPECT_EQ(replay.state().unplug_request, milliseconds(250));
    EXPECT_EQ(replay.until(1000), Sent{}) << "not before the host has opened it again";
    replay.state().unplug_request.reset();
    ASSERT_TRUE(replay.device().prepare());
    EXPECT_EQ(replay.until(1001), (Sent{"b@1000"}));
}

TEST(SimReplay, ACaptureThatEndsOfflineEndsOnline) {
    Replay replay(capture::capture_of({rx(0, 0, "a"), event(100, "offline", "vserd was stopped")}));

    EXPECT_EQ(replay.until(500), (Sent{"a@0"}));
    EXPECT_FALSE(replay.state().unplug_request);
}

TEST(SimReplay, OtherDevicesGoOnWhileALongOutageIsPassed) {
    std::vector<Record> records{rx(0, 0, "a"), event(100, "offline", "unplugged")};
    for (std::uint64_t offset = 0; offset < 10'000; ++offset) records.push_back(tx(200, offset, "x"));
    records.push_back(event(600, "online", "/dev/x"));
    Replay replay(capture::capture_of(records));
    replay.until(99);

    int refills = 0;
    for (; !replay.state().unplug_request && refills < 10; ++refills)
        replay.device().refill(replay.now() + milliseconds(1));

    EXPECT_EQ(refills, 3);
    EXPECT_EQ(replay.state().unplug_request, milliseconds(500));
}

TEST(SimReplay, ModemLinesAndErrorsAreThoseOfTheCapture) {
    Record signals = event(100, "signals");
    std::get<capture::Event>(signals.content).signals = line::Signals{.dtr = true, .dsr = true, .ri = true};
    Record errors = event(200, "line_errors");
    std::get<capture::Event>(errors.content).errors = line::LineErrors{1, 0, 2, 0};
    Replay replay(capture::capture_of({rx(0, 0, "a"), signals, errors}));
    replay.until(99);
    EXPECT_EQ(replay.device().modem_lines(replay.now()), (line::Signals{.cts = true, .dsr = true, .dcd = true}));

    replay.until(200);

    EXPECT_EQ(replay.device().modem_lines(replay.now()), (line::Signals{.dsr = true, .ri = true}))
        << "DTR is the host's";
    EXPECT_EQ(replay.state().counted, (line::LineErrors{1, 0, 2, 0}));
}

TEST(SimReplay, WhatTheHostWritesIsAccepted) {
    Replay replay(three);
    const std::string text = "anything";

    EXPECT_GT(replay.device().input_room(), 0U);
    replay.device().receive(std::as_bytes(std::span(text)), replay.now());
    EXPECT_EQ(replay.until(0), (Sent{"a@0"}));
}

TEST(SimReplay, AFileThatIsNoCaptureFailsTheOpenUntilItIsMended) {
    Replay replay("login: \n");
    ASSERT_FALSE(replay.opened());
    EXPECT_NE(replay.opened().error().message.find(replay.file().path() + ":1: is not the first line"),
              std::string::npos);

    replay.file().write(three);

    EXPECT_TRUE(replay.device().prepare());
    EXPECT_EQ(replay.until(0), (Sent{"a@0"}));
}

TEST(SimReplay, ADamagedLineEndsItAndIsNamed) {
    std::string damaged = three;
    damaged.replace(damaged.find("\"tx\""), 4, "\"xx\"");
    Replay replay(damaged);
    ASSERT_TRUE(replay.opened());

    EXPECT_EQ(replay.until(5000), (Sent{"a@0"}));

    EXPECT_TRUE(replay.state().unplug_request);
    const auto again = replay.device().prepare();
    ASSERT_FALSE(again);
    EXPECT_NE(again.error().message.find(replay.file().path() + ":3: "), std::string::npos);
    EXPECT_FALSE(replay.device().next_event());
}

}  // namespace
}  // namespace vserd::sim
