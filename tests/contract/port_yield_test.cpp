// A port whose device is given to another program for a while.
#include <memory>

#include "contract/port_fixture.hpp"
#include "hub/session.hpp"

namespace vserd {
namespace {

using hub::PortHandle;
using hub::Session;

class YieldTest : public HubTest {
protected:
    bool is_online() { return channel_->port().state() == port::PortState::online; }

    PortHandle open(Session& session) { return std::move(session.open("p").value()); }

    /// What the port replied, or nothing if it did not.
    std::optional<Result<void>> yield(PortHandle& handle, const std::string& reason = "flash x") {
        const auto reply = std::make_shared<std::optional<Result<void>>>();
        handle.yield(reason, [reply](const Result<void>& result) { *reply = result; });
        EXPECT_TRUE(until([&] { return reply->has_value(); }));
        return *reply;
    }

    /// Whether this process, the only one that has opened it, still has the device open.
    bool has_device_open() const {
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code gone;
            if (std::filesystem::read_symlink(entry.path(), gone) == pty_->path) return true;
        }
        return false;
    }

    void start() {
        channel_ = &online_port();
        recorder_.start(*channel_, hub::StartLive{});
    }

    std::vector<std::string> offline_reasons() const {
        std::vector<std::string> reasons;
        for (const auto& item : recorder_.events) {
            if (const auto* event = std::get_if<port::WentOffline>(&item.event)) reasons.push_back(event->reason);
        }
        return reasons;
    }

    Session alice_{*hub_, {.peer = "ipv4:192.0.2.1:1", .name = "alice"}};
    Session bob_{*hub_, {.peer = "ipv4:192.0.2.2:2", .name = "bob"}};
    hub::Channel* channel_ = nullptr;
    Recorder recorder_;
};

TEST_P(YieldTest, DeviceIsClosedWhenThePortRepliesAndOpenedAgainWhenTheHandleIsGone) {
    start();
    auto handle = std::make_unique<PortHandle>(open(alice_));
    ASSERT_TRUE(has_device_open());

    ASSERT_TRUE(*yield(*handle));

    EXPECT_FALSE(has_device_open());
    EXPECT_EQ(channel_->port().offline_reason(), "yielded to alice: flash x");
    handle.reset();
    EXPECT_TRUE(until([&] { return is_online(); }));
    EXPECT_EQ(offline_reasons(), std::vector<std::string>{"yielded to alice: flash x"});
    EXPECT_EQ(recorder_.count<port::CameOnline>(), 1U);
    EXPECT_FALSE(recorder_.closed);
    device_sends("back");
    EXPECT_TRUE(until([&] { return recorder_.text == "back"; }));
}

TEST_P(YieldTest, DeviceIsNotReopenedWhileItIsYielded) {
    start();
    PortHandle handle = open(alice_);
    ASSERT_TRUE(*yield(handle));

    plug();  // inotify reports the new link
    const auto stats = channel_->port().stats();
    const auto errors = stats->open_errors.load();
    EXPECT_FALSE(until([&] { return has_device_open() || stats->open_errors != errors; }, std::chrono::seconds{2}));
}

TEST_P(YieldTest, SecondYieldIsRefusedAndNamesTheHolder) {
    start();
    PortHandle first = open(alice_);
    ASSERT_TRUE(*yield(first));
    PortHandle second = open(bob_);

    const auto refused = *yield(second);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::refused);
    EXPECT_EQ(refused.error().subject, "alice");
    EXPECT_NE(refused.error().message.find("yielded to alice: flash x"), std::string::npos) << refused.error().message;
    second = {};
    EXPECT_FALSE(is_online()) << "the refused one ends nothing";
    first = {};
    EXPECT_TRUE(until([&] { return is_online(); }));
}

TEST_P(YieldTest, PortThatAnotherClientHoldsExclusivelyIsNotYielded) {
    start();
    PortHandle holder = open(alice_);
    ASSERT_TRUE(hold(holder));
    PortHandle other = open(bob_);

    const auto refused = *yield(other);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::refused);
    EXPECT_EQ(refused.error().subject, "alice");
    EXPECT_TRUE(is_online());
    EXPECT_TRUE(*yield(holder)) << "the holder itself may";
}

TEST_P(YieldTest, SimulatedPortHasNoDeviceToYield) {
    channel_ = &add_port("sim:echo");
    ASSERT_TRUE(until([&] { return is_online(); }));
    PortHandle handle = open(alice_);

    const auto refused = *yield(handle);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::unsupported);
    EXPECT_TRUE(is_online());
}

TEST_P(YieldTest, DisconnectedDeviceCanBeYieldedToo) {
    channel_ = &add_port(node());
    ASSERT_TRUE(until([&] { return channel_->port().offline_reason() != "not opened yet"; }));
    PortHandle handle = open(alice_);

    ASSERT_TRUE(*yield(handle));
    plug();

    EXPECT_FALSE(until([&] { return is_online(); }, std::chrono::seconds{1}));
    handle = {};
    EXPECT_TRUE(until([&] { return is_online(); }));
}

TEST_P(YieldTest, YieldThatIsWithdrawnBeforeTheDeviceIsClosedEndsOnline) {
    start();
    auto handle = std::make_unique<PortHandle>(open(alice_));
    handle->yield("flash", [](const Result<void>&) { ADD_FAILURE() << "replied after it was withdrawn"; });

    handle.reset();

    EXPECT_TRUE(until([&] { return recorder_.count<port::CameOnline>() == 1; }));
    EXPECT_TRUE(is_online());
}

TEST_P(YieldTest, AcceptedBytesAreKeptAndSentWhenTheDeviceIsBack) {
    start();
    PortHandle handle = open(alice_);
    ASSERT_TRUE(*yield(handle));

    channel_->port().transmit(as_bytes("later"));
    handle = {};

    EXPECT_TRUE(until([&] { return device_received() == "later"; }));
}

TEST_P(YieldTest, DeviceThatIsInUseAfterwardsIsReportedUntilItIsFree) {
    start();
    PortHandle handle = open(alice_);
    ASSERT_TRUE(*yield(handle));
    std::filesystem::remove(node());

    handle = {};

    EXPECT_TRUE(until([&] { return offline_reasons().size() == 2; }));
    EXPECT_NE(channel_->port().offline_reason().find("ttyTest"), std::string::npos)
        << channel_->port().offline_reason();
}

TEST_P(YieldTest, RemovedPortStopsWhileItIsYielded) {
    start();
    PortHandle handle = open(alice_);
    ASSERT_TRUE(*yield(handle));

    hub_->apply({});

    EXPECT_TRUE(until([&] { return hub_->find("p") == nullptr; }));
    EXPECT_FALSE(handle);
    recorder_.detach();
}

INSTANTIATE_TEST_SUITE_P(Engines, YieldTest, testing::Values("epoll"), [](const auto& each) { return each.param; });

}  // namespace
}  // namespace vserd
