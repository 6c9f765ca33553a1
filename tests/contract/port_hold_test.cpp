// Output that flow control holds, on real ptys (XOFF) and on the simulator (CTS).
#include "contract/port_fixture.hpp"

namespace vserd {
namespace {

using namespace std::chrono_literals;
using line::FlowControl;
using line::Settings;
using line::SettingsChange;

constexpr std::string_view xon = "\x11";
constexpr std::string_view xoff = "\x13";

class HoldTest : public HubTest {
protected:
    Result<Settings> change(port::Port& port, const SettingsChange& wanted) {
        return reply_of<Settings>([&](auto reply) { port.change_settings(wanted, soon(), reply); });
    }

    /// A port whose output its device has stopped by XOFF; all that was accepted before it arrived.
    hub::Channel& held_port() {
        hub::Channel& channel = online_port();
        port::Port& port = channel.port();
        EXPECT_TRUE(change(port, {.flow_control = FlowControl::xon_xoff}));
        events_.start(channel, hub::StartLive{});
        device_sends(xoff);
        EXPECT_TRUE(until([&] {  // the kernel takes the XOFF a little later
            if (port.tx_queue_bytes() == 0) port.transmit(as_bytes("held"));
            return port.held_by_flow_control();
        }));
        return channel;
    }

    bool all_arrived(const port::Port& port) {
        return until([&] { return device_received().size() == port.tx_offset(); });
    }

    Recorder events_;
};

TEST_P(HoldTest, OutputStoppedByXoffIsAStateUntilXonLetsItContinue) {
    auto& channel = held_port();
    const port::Port& port = channel.port();

    EXPECT_TRUE(port.stats()->held_by_flow_control);
    EXPECT_GT(port.tx_queue_bytes(), 0U);
    device_sends(xon);

    EXPECT_TRUE(all_arrived(port));
    EXPECT_TRUE(until([&] { return !port.held_by_flow_control(); }));
    EXPECT_FALSE(port.stats()->held_by_flow_control);
    ASSERT_EQ(events_.count<port::OutputHeld>(), 2U);
    EXPECT_TRUE(std::get<port::OutputHeld>(events_.events.front().event).held);
    EXPECT_FALSE(std::get<port::OutputHeld>(events_.events.back().event).held);
}

TEST_P(HoldTest, TurningFlowControlOffLetsTheHeldBytesGo) {
    auto& port = held_port().port();

    const auto changed = change(port, {.flow_control = FlowControl::none});

    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(changed->format.flow_control, FlowControl::none);
    EXPECT_TRUE(all_arrived(port));
    EXPECT_TRUE(until([&] { return !port.held_by_flow_control(); }));
}

TEST_P(HoldTest, ChangingToAnotherFlowControlLetsTheHeldBytesGo) {
    auto& port = held_port().port();

    const auto changed = change(port, {.flow_control = FlowControl::rts_cts});  // a pty does nothing by it

    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_TRUE(all_arrived(port));
}

TEST_P(HoldTest, AFlowControlChangeInAFormatIsNotBehindEarlierRequestsEither) {
    auto& port = held_port().port();
    std::optional<Result<Settings>> earlier;
    port.change_settings({.baud = 9600}, soon(), [&](Result<Settings> reply) { earlier = std::move(reply); });

    const auto changed = change(port, {.stop_bits = line::StopBits::two, .flow_control = FlowControl::none});

    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(changed->format.stop_bits, line::StopBits::two);
    EXPECT_EQ(changed->baud, 9600U);
    EXPECT_TRUE(earlier && *earlier);
    EXPECT_TRUE(all_arrived(port));
}

TEST_P(HoldTest, OtherRequestsGetPastHeldOutputAfterAWhile) {
    auto& port = held_port().port();

    const auto changed = change(port, {.baud = 9600});

    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_EQ(port.settings().baud, 9600U);
    EXPECT_TRUE(until([&] { return port.held_by_flow_control(); }));
    device_sends(xon);
    EXPECT_TRUE(all_arrived(port));
}

TEST_P(HoldTest, ADeadlineSaysThatFlowControlHoldsTheBytes) {
    auto& port = held_port().port();

    const auto late = reply_of<Settings>(
        [&](auto reply) { port.change_settings({.baud = 9600}, std::chrono::steady_clock::now() + 100ms, reply); });

    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().failure, Failure::timed_out);
    EXPECT_NE(late.error().message.find("held by flow control"), std::string::npos) << late.error().message;
}

TEST_P(HoldTest, AFlushEmptiesHeldOutputAndSaysWhoDidIt) {
    auto& port = held_port().port();
    const std::uint64_t waiting = port.tx_queue_bytes();

    const auto flushed = reply_of<std::uint64_t>(
        [&](auto reply) { port.flush(line::FlushDirection::output, std::move(reply), "someone"); });

    ASSERT_TRUE(flushed) << flushed.error().message;
    EXPECT_EQ(*flushed, waiting);
    EXPECT_TRUE(until([&] { return !port.held_by_flow_control(); }));
    ASSERT_EQ(events_.count<port::Flushed>(), 1U);
    for (const auto& item : events_.events) {
        const auto* event = std::get_if<port::Flushed>(&item.event);
        if (event == nullptr) continue;
        EXPECT_EQ(event->direction, line::FlushDirection::output);
        EXPECT_EQ(event->bytes, waiting);
        EXPECT_EQ(event->client, "someone");
    }
}

TEST_P(HoldTest, ADeviceThatGoesAwayIsNotHeldAnyMore) {
    auto& port = held_port().port();

    unplug();

    EXPECT_TRUE(until([&] { return port.state() == port::PortState::offline; }));
    EXPECT_FALSE(port.held_by_flow_control());
    EXPECT_FALSE(port.stats()->held_by_flow_control);
}

TEST_P(HoldTest, ACtsThatIsOffHoldsTheOutputUntilItIsOn) {
    auto& channel = add_port("sim:echo?id=hold-" + GetParam());  // whose RTS is wired to CTS
    port::Port& port = channel.port();
    ASSERT_TRUE(until([&] { return port.state() == port::PortState::online; }));
    ASSERT_TRUE(change(port, {.flow_control = FlowControl::rts_cts}));
    const auto set_rts = [&](bool on) {
        return reply_of<line::Signals>([&](auto reply) { port.set_signals({.rts = on}, reply); });
    };
    ASSERT_TRUE(set_rts(false));
    port.transmit(as_bytes("held"));

    EXPECT_TRUE(until([&] { return port.held_by_flow_control(); }));
    ASSERT_TRUE(set_rts(true));

    EXPECT_TRUE(until([&] { return !port.held_by_flow_control(); }));
    EXPECT_TRUE(until([&] { return channel.log().next_offset() == 4U; }));
}

TEST_P(HoldTest, OutputThatMovesIsNeverHeld) {
    auto& channel = online_port();
    port::Port& port = channel.port();
    ASSERT_TRUE(change(port, {.flow_control = FlowControl::xon_xoff}));
    Recorder events;
    events.start(channel, hub::StartLive{});
    const auto end = std::chrono::steady_clock::now() + 1s;

    until([&] {
        port.transmit(as_bytes(std::string(100, 'x')));
        device_received();
        return std::chrono::steady_clock::now() > end;
    });

    EXPECT_TRUE(all_arrived(port));
    EXPECT_EQ(events.count<port::OutputHeld>(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Engines, HoldTest, testing::Values("io_uring", "sigio", "epoll", "aio"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
