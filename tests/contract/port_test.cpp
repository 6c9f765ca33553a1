// The port on real ptys and on the simulator: it opens, loses, reopens, sends in order, and changes the line in order.
#include "port/port.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "contract/port_fixture.hpp"
#include "sim/sim_control.hpp"

namespace vserd {
namespace {

using namespace std::chrono_literals;
using port::PortState;

class PortTest : public HubTest {};

/// Serves no descriptor.
class NoEngine final : public io::Engine {
public:
    std::string_view name() const noexcept override { return "none"; }
    int wait_fd() const noexcept override { return ready_.get(); }
    Result<io::Slot> attach(int /*fd*/) override { return Error{Failure::io, EIO, "", "it serves nothing"}; }
    void detach(io::Slot /*slot*/) noexcept override {}
    void start(io::Operation& /*op*/) noexcept override {}
    void cancel(io::Operation& /*op*/) noexcept override {}
    void retry(io::Slot /*slot*/) noexcept override {}
    std::size_t drain() noexcept override { return 0; }
    bool pending() const noexcept override { return false; }

private:
    const base::Fd ready_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

/// What a port tells besides bytes.
struct Told : port::Listener {
    std::span<std::byte> receive_space() override { return space; }
    void on_received(std::size_t /*size*/) override {}
    void on_event(const port::Event& /*event*/) override {}
    void on_transmit_change() override {}
    void on_descriptor(int fd) override { descriptors.push_back(fd); }

    std::array<std::byte, 64> space{};
    std::vector<int> descriptors;
};

TEST(Port, ATakenOverDeviceThatCannotBeServedIsGivenUpByWhoKeepsIt) {
    io::Loop loop(std::make_unique<NoEngine>());
    port::WorkerPool workers(loop);
    port::DeviceWatch watch(loop);
    Told told;
    io::Pty pty = io::open_pty().value();
    ASSERT_EQ(::fcntl(pty.slave.get(), F_SETFL, O_RDWR | O_NONBLOCK), 0);
    port::Port port({loop, workers, watch}, {"p", "", pty.path, {}, 4096}, told);
    port::PortResume resume;
    resume.device = std::move(pty.slave);
    const auto until = [&loop](const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) loop.poll_once();
        return condition();
    };

    port.start(std::move(resume));

    EXPECT_TRUE(until([&] { return port.stats()->open_errors > 0; }));
    EXPECT_EQ(told.descriptors, std::vector{-1});
    bool stopped = false;
    port.stop([&] { stopped = true; });
    EXPECT_TRUE(until([&] { return stopped; }));
}

TEST_P(PortTest, AMissingDeviceIsOfflineWithTheReasonUntilItComes) {
    auto& channel = add_port(node());
    ASSERT_TRUE(until([&] { return channel.port().stats()->open_errors > 0; }));
    EXPECT_EQ(channel.port().state(), PortState::offline);
    EXPECT_NE(channel.port().offline_reason().find(node()), std::string::npos) << channel.port().offline_reason();

    plug();

    EXPECT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
    EXPECT_EQ(channel.port().offline_reason(), "");
}

TEST_P(PortTest, ReopensWithin200MillisecondsOfTheNodesReturnAndGoesOnAtTheNextOffset) {
    auto& channel = online_port();
    Recorder recorder;
    recorder.start(channel, hub::StartOldest{});
    device_sends("before");
    ASSERT_TRUE(until([&] { return recorder.text == "before"; }));

    const auto reopened_after = [&] {
        unplug();
        EXPECT_TRUE(until([&] { return channel.port().state() == PortState::offline; }));
        // Long enough away that only the inotify event, and no short backoff, can bring it back in time.
        const auto away_until = std::chrono::steady_clock::now() + 1500ms;
        until([&] { return std::chrono::steady_clock::now() > away_until; });
        const auto returned = std::chrono::steady_clock::now();
        plug();
        EXPECT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
        return std::chrono::steady_clock::now() - returned;
    };
    auto fastest = reopened_after();
    std::uint64_t tries = 1;
    for (; fastest >= 200ms && tries < 5; ++tries) fastest = std::min(fastest, reopened_after());  // a busy machine
    EXPECT_LT(fastest, 200ms);
    device_sends("after");

    EXPECT_TRUE(until([&] { return recorder.text == "beforeafter"; })) << recorder.text;
    EXPECT_TRUE(recorder.gaps.empty());
    EXPECT_EQ(recorder.count<port::WentOffline>(), tries);
    EXPECT_EQ(recorder.count<port::CameOnline>(), 1 + tries);
    EXPECT_EQ(channel.port().stats()->reopens, tries);
}

TEST_P(PortTest, AMegabyteArrivesInOrderExactlyOnce) {
    auto& channel = online_port();
    Recorder recorder;
    recorder.start(channel, hub::StartOldest{});
    std::string wanted;
    while (wanted.size() < (1u << 20)) wanted += std::to_string(wanted.size()) + "\n";

    device_sends(wanted);

    EXPECT_TRUE(until([&] { return recorder.text.size() >= wanted.size(); }));
    EXPECT_EQ(recorder.text, wanted);
    EXPECT_EQ(channel.port().stats()->rx_bytes, wanted.size());
}

TEST_P(PortTest, TheQueueTakesItsLimitAndTellsOfRoom) {
    auto& channel = online_port();
    std::string wanted;
    while (wanted.size() < 300'000) wanted += std::to_string(wanted.size()) + "\n";
    std::size_t taken = 0;

    const bool all = until([&] {
        taken += channel.port().transmit(as_bytes(std::string_view{wanted}.substr(taken)));
        EXPECT_LE(channel.port().tx_queue_bytes(), 4096u);
        return device_received().size() == wanted.size();
    });

    EXPECT_TRUE(all);
    EXPECT_EQ(device_received_, wanted);
    EXPECT_EQ(channel.port().tx_offset(), wanted.size());
    EXPECT_TRUE(until([&] { return channel.port().stats()->tx_queue_bytes == 0u; }));
}

TEST_P(PortTest, BytesAcceptedWhileAwayLeaveWhenItIsBack) {
    auto& channel = add_port(node());
    ASSERT_TRUE(until([&] { return channel.port().stats()->open_errors > 0; }));
    EXPECT_EQ(channel.port().transmit(as_bytes("kept")), 4u);

    plug();

    EXPECT_TRUE(until([&] { return device_received() == "kept"; }));
}

TEST_P(PortTest, SettingsAreReadBackRecordedAndKeptOverAReopen) {
    auto& channel = online_port();
    Recorder recorder;
    recorder.start(channel, hub::StartLive{});
    line::SettingsChange change;
    change.baud = 9600;
    change.stop_bits = line::StopBits::two;

    const auto changed =
        reply_of<line::Settings>([&](auto reply) { channel.port().change_settings(change, soon(), reply); });

    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(changed->baud, 9600u);
    EXPECT_EQ(recorder.count<port::SettingsChanged>(), 1u);
    unplug();
    ASSERT_TRUE(until([&] { return channel.port().state() == PortState::offline; }));
    plug();
    ASSERT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
    EXPECT_EQ(channel.port().settings(), *changed);
}

TEST_P(PortTest, ABadSettingIsRefusedByName) {
    auto& channel = online_port();
    line::SettingsChange change;
    change.baud = 0;

    const auto refused =
        reply_of<line::Settings>([&](auto reply) { channel.port().change_settings(change, soon(), reply); });

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::invalid_argument);
    EXPECT_EQ(refused.error().subject, "baud");
}

TEST_P(PortTest, ASettingsChangeWaitsForTheBytesBeforeItAndGivesUpAtItsDeadline) {
    auto& channel = add_port("sim:echo?id=slow-" + GetParam());
    ASSERT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
    line::SettingsChange slow;
    slow.baud = 1200;
    ASSERT_TRUE(reply_of<line::Settings>([&](auto reply) { channel.port().change_settings(slow, soon(), reply); }));
    // More than the device's own buffer holds, and minutes at 1200 baud.
    int turns_without_room = 0;
    ASSERT_TRUE(until([&] {
        const bool had_room = channel.port().transmit(as_bytes(std::string(4096, 'x'))) > 0;
        turns_without_room = had_room ? 0 : turns_without_room + 1;
        return turns_without_room == 100;
    }));
    line::SettingsChange change;
    change.baud = 9600;

    const auto late = reply_of<line::Settings>(
        [&](auto reply) { channel.port().change_settings(change, std::chrono::steady_clock::now() + 200ms, reply); });

    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().failure, Failure::timed_out);
    std::optional<Result<line::Settings>> taken_back;
    const port::Deadline far_off = soon();
    channel.port().change_settings(change, far_off,
                                   [&](Result<line::Settings> reply) { taken_back = std::move(reply); });
    far_off.cancel();
    ASSERT_TRUE(until([&] { return taken_back.has_value(); }));
    EXPECT_FALSE(*taken_back);
    EXPECT_EQ(channel.port().settings().baud, 1200u);
    const auto flushed =
        reply_of<std::uint64_t>([&](auto reply) { channel.port().flush(line::FlushDirection::output, reply); });
    ASSERT_TRUE(flushed);
    EXPECT_GT(*flushed, 0u);
    EXPECT_EQ(channel.port().tx_queue_bytes(), 0u);
    EXPECT_TRUE(reply_of<line::Settings>([&](auto reply) { channel.port().change_settings(change, soon(), reply); }));
    EXPECT_EQ(channel.port().settings().baud, 9600u);
}

TEST_P(PortTest, FlushesAtOnceCountEachByteOnce) {
    auto& port = online_port().port();
    std::uint64_t dropped = 0;
    int replies = 0;
    const auto count = [&](const Result<std::uint64_t>& flushed) {
        ASSERT_TRUE(flushed) << flushed.error().message;
        dropped += *flushed;
        ++replies;
    };
    // Nobody reads at the device, so that the last write of these is under way.
    for (int turns_without_room = 0; turns_without_room < 100; ++turns_without_room) {
        if (port.transmit(as_bytes(std::string(4096, 'x'))) > 0) turns_without_room = 0;
        loop_->poll_once();
    }

    port.flush(line::FlushDirection::output, count);
    port.flush(line::FlushDirection::both, count);

    EXPECT_TRUE(until([&] { return replies == 2; }));
    EXPECT_EQ(port.tx_queue_bytes(), 0u);
    EXPECT_EQ(port.tx_offset(), port.stats()->tx_bytes + dropped);
}

TEST_P(PortTest, WhatIsSentAfterAFlushOfAFullDeviceArrives) {
    auto& port = online_port().port();
    for (int round = 0; round < 5; ++round) {
        for (int turns_without_room = 0; turns_without_room < 100; ++turns_without_room) {
            if (port.transmit(as_bytes(std::string(4096, 'x'))) > 0) turns_without_room = 0;
            loop_->poll_once();
        }
        // The flush makes room that no wake-up tells of: a tty wakes its writers when its reader has read.
        const auto both = line::FlushDirection::both;
        ASSERT_TRUE(reply_of<std::uint64_t>([&](auto reply) { port.flush(both, std::move(reply)); }));
        const std::string behind = "behind " + std::to_string(round);
        ASSERT_EQ(port.transmit(as_bytes(behind)), behind.size());

        EXPECT_TRUE(until([&] { return device_received().find(behind) != std::string::npos; }))
            << "after the flush " << round << ", " << port.tx_queue_bytes() << " bytes wait";
    }
}

/// Passes everything on to another engine, and counts how often that is told to look again.
class CountingEngine final : public io::Engine {
public:
    explicit CountingEngine(std::unique_ptr<io::Engine> engine) : engine_(std::move(engine)) {}
    std::string_view name() const noexcept override { return engine_->name(); }
    int wait_fd() const noexcept override { return engine_->wait_fd(); }
    Result<io::Slot> attach(int fd) override { return engine_->attach(fd); }
    void detach(io::Slot slot) noexcept override { engine_->detach(slot); }
    void start(io::Operation& op) noexcept override { engine_->start(op); }
    void cancel(io::Operation& op) noexcept override { engine_->cancel(op); }
    void retry(io::Slot slot) noexcept override {
        ++retries;
        engine_->retry(slot);
    }
    std::size_t drain() noexcept override { return engine_->drain(); }
    bool pending() const noexcept override { return engine_->pending(); }

    int retries = 0;

private:
    std::unique_ptr<io::Engine> engine_;
};

TEST_P(PortTest, EveryFlushHasTheEngineLookAgain) {
    hub_.reset();
    loop_.reset();  // of some engines there can be only one
    auto engine = std::make_unique<CountingEngine>(io::select_engine(GetParam()).value().engine);
    const CountingEngine& counting = *engine;
    loop_ = std::make_unique<io::Loop>(std::move(engine));
    hub_ = std::make_unique<hub::Hub>(*loop_);
    auto& port = online_port().port();

    int flushes = 0;
    for (const auto direction :
         {line::FlushDirection::output, line::FlushDirection::input, line::FlushDirection::both}) {
        ASSERT_TRUE(reply_of<std::uint64_t>([&](auto reply) { port.flush(direction, std::move(reply)); }));
        EXPECT_EQ(counting.retries, ++flushes);
    }
}

TEST_P(PortTest, WiresBreakAndFlushWorkOnADeviceThatHasThem) {
    auto& channel = add_port("sim:echo?id=wires-" + GetParam());
    ASSERT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
    Recorder recorder;
    recorder.start(channel, hub::StartLive{});

    const auto off = reply_of<line::Signals>(
        [&](auto reply) { channel.port().set_signals({.dtr = false, .rts = std::nullopt}, reply); });
    const auto broke = reply_of<void>([&](auto reply) { channel.port().send_break(20ms, soon(), reply); });

    ASSERT_TRUE(off) << off.error().message;
    EXPECT_FALSE(off->dtr);
    EXPECT_TRUE(broke);
    EXPECT_EQ(recorder.count<port::SignalsChanged>(), 1u);
    EXPECT_EQ(recorder.count<port::BreakSent>(), 1u);
}

TEST_P(PortTest, WhatADeviceLacksIsToldByTheCapabilitysName) {
    auto& channel = online_port();  // a pty has no modem lines

    const auto refused = reply_of<line::Signals>(
        [&](auto reply) { channel.port().set_signals({.dtr = true, .rts = std::nullopt}, reply); });

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::unsupported);
    EXPECT_EQ(refused.error().subject, "modem_signals");
}

TEST_P(PortTest, ChangesOfInputWiresAndLineErrorsBecomeEvents) {
    const std::string id = "errors-" + GetParam();
    auto& channel = add_port("sim:echo?id=" + id);
    ASSERT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
    Recorder recorder;
    recorder.start(channel, hub::StartLive{});
    auto control = sim::SimControl::find(id).value();

    control.set_ri(true);
    control.count_errors({.frame = 3, .parity = 0, .overrun = 1, .breaks = 0});

    EXPECT_TRUE(until([&] { return recorder.count<port::SignalsChanged>() == 1; }));
    EXPECT_TRUE(until([&] { return channel.port().stats()->line_frame_errors == 3; }));
    EXPECT_EQ(channel.port().stats()->line_overruns, 1u);
    EXPECT_EQ(recorder.count<port::LineErrorsCounted>(), 1u);
}

TEST_P(PortTest, RequestsWhileAwayAreUnavailableWithTheReason) {
    auto& channel = add_port(node());
    ASSERT_TRUE(until([&] { return channel.port().stats()->open_errors > 0; }));
    line::SettingsChange change;
    change.baud = 9600;

    const auto refused =
        reply_of<line::Settings>([&](auto reply) { channel.port().change_settings(change, soon(), reply); });

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::unavailable);
    EXPECT_NE(refused.error().message.find(node()), std::string::npos) << refused.error().message;
}

TEST_P(PortTest, RequestsInFlightAreAnsweredWhenTheDeviceGoes) {
    const std::string id = "goes-" + GetParam();
    auto& channel = add_port("sim:echo?id=" + id);
    ASSERT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
    auto control = sim::SimControl::find(id).value();
    control.stall(10s);
    channel.port().transmit(as_bytes(std::string(4096, 'x')));
    std::optional<Result<line::Settings>> reply;
    line::SettingsChange change;
    change.baud = 9600;
    channel.port().change_settings(change, soon(), [&](Result<line::Settings> result) { reply = std::move(result); });

    control.unplug(50ms);

    ASSERT_TRUE(until([&] { return reply.has_value(); }));
    EXPECT_EQ(reply->error().failure, Failure::unavailable);
    EXPECT_TRUE(until([&] { return channel.port().state() == PortState::online; }));
}

INSTANTIATE_TEST_SUITE_P(Engines, PortTest, testing::Values("io_uring", "sigio", "epoll", "aio"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
