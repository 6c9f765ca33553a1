// Devices whose drivers hang: each costs its own port, everybody who waits for it is answered, and it comes back.
#include "contract/port_fixture.hpp"
#include "sim/sim_control.hpp"

namespace vserd {
namespace {

using namespace std::chrono_literals;
using port::PortState;
using sim::SimControl;
using sim::SimHang;

class PortHang : public HubTest {
protected:
    hub::Channel& add_hanging_port(const std::string& parameters) {
        auto& channel = add_port("sim:echo?id=" + id + parameters);
        EXPECT_TRUE(until([&] { return SimControl::find(id).has_value(); }));
        return channel;
    }
    static bool online(const hub::Channel& channel) { return channel.port().state() == PortState::online; }
    bool offline_with(const hub::Channel& channel, const std::string& reason) {
        return until([&] {
            return channel.port().state() == PortState::offline &&
                   channel.port().offline_reason().find(reason) != std::string::npos;
        });
    }

    const std::string id = "hang-" + std::to_string(testing::UnitTest::GetInstance()->current_test_info()->line());
};

std::string name_of(int number) { return "hung-" + std::to_string(number); }

TEST_P(PortHang, ManyDevicesThatHangCostOnlyTheirOwnPorts) {
    constexpr int hung_devices = 64;
    hub::HubConfig config;
    for (int i = 0; i < hung_devices; ++i) {
        config.ports.push_back({name_of(i), "", "sim:echo?hangs=open&id=many-" + name_of(i), {}, 4096});
    }
    plug();
    config.ports.push_back({"healthy", "", node(), {}, 4096});

    const auto begun = std::chrono::steady_clock::now();
    hub_->apply(config);

    const hub::Channel& healthy = *hub_->find("healthy");
    EXPECT_TRUE(until([&] { return online(healthy); })) << healthy.port().offline_reason();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s) << "it waited for the limit of the others";
    for (int i = 0; i < hung_devices; ++i) {
        EXPECT_TRUE(offline_with(*hub_->find(name_of(i)), "the driver hangs")) << i;
    }
    EXPECT_TRUE(online(healthy));
    for (int i = 0; i < hung_devices; ++i) SimControl::find("many-" + name_of(i))->hang(SimHang::none);
    for (int i = 0; i < hung_devices; ++i) {
        EXPECT_TRUE(until([&] { return online(*hub_->find(name_of(i))); })) << i;
    }
}

TEST_P(PortHang, EverybodyWhoWaitsForAHungCallIsAnsweredAndThePortComesBack) {
    auto& channel = add_hanging_port("");
    ASSERT_TRUE(until([&] { return online(channel); }));
    auto control = SimControl::find(id).value();
    control.hang(SimHang::signals);
    std::vector<Result<line::Signals>> replies;
    const auto keep = [&](Result<line::Signals> reply) { replies.push_back(std::move(reply)); };

    for (int i = 0; i < 10; ++i) channel.port().set_signals({.dtr = i % 2 == 0}, keep);

    EXPECT_TRUE(offline_with(channel, "has not answered for 5 s"));
    ASSERT_EQ(replies.size(), 10U);
    EXPECT_EQ(replies[0].error().failure, Failure::timed_out);
    for (std::size_t i = 1; i < replies.size(); ++i) EXPECT_EQ(replies[i].error().failure, Failure::unavailable);
    channel.port().set_signals({.dtr = true}, keep);
    ASSERT_EQ(replies.size(), 11U) << "a port whose driver hangs answers at once";
    EXPECT_EQ(replies[10].error().failure, Failure::unavailable);
    control.hang(SimHang::none);
    EXPECT_TRUE(until([&] { return online(channel); })) << channel.port().offline_reason();
}

TEST_P(PortHang, ACloseThatHangsIsReportedAndThePortComesBack) {
    auto& channel = add_hanging_port("");
    ASSERT_TRUE(until([&] { return online(channel); }));
    auto control = SimControl::find(id).value();
    control.hang(SimHang::close);

    control.unplug(10ms);

    EXPECT_TRUE(offline_with(channel, "closing"));
    control.hang(SimHang::none);
    EXPECT_TRUE(until([&] { return online(channel); })) << channel.port().offline_reason();
}

TEST_P(PortHang, AYieldDoesNotWaitForACallThatHangsAlready) {
    for (const SimHang hang : {SimHang::open, SimHang::close, SimHang::signals}) {
        auto& channel = add_hanging_port("");
        ASSERT_TRUE(until([&] { return online(channel); }));
        auto control = SimControl::find(id).value();
        control.hang(hang);
        if (hang == SimHang::signals) {
            channel.port().set_signals({.dtr = true}, [](const Result<line::Signals>&) {});
        } else {
            control.unplug(10ms);
        }
        ASSERT_TRUE(offline_with(channel, hang == SimHang::open    ? "opening"
                                          : hang == SimHang::close ? "closing"
                                                                   : "has not answered for 5 s"));

        std::optional<Result<void>> reply;
        channel.port().yield("flash", [&](Result<void> result) { reply = std::move(result); });

        ASSERT_TRUE(reply.has_value()) << "it answers at once";
        ASSERT_FALSE(*reply);
        EXPECT_EQ(reply->error().failure, Failure::timed_out);
        control.hang(SimHang::none);
        EXPECT_TRUE(until([&] { return online(channel); })) << channel.port().offline_reason();
        channel.port().yield("flash", [&](Result<void> result) { reply = std::move(result); });
        EXPECT_TRUE(until([&] { return reply->has_value(); })) << "the next one succeeds";
        channel.port().take_back();
        EXPECT_TRUE(until([&] { return online(channel); })) << channel.port().offline_reason();
    }
}

TEST_P(PortHang, AYieldThatWaitsForACallIsAnsweredWhenTheCallHangs) {
    auto& channel = add_hanging_port("");
    ASSERT_TRUE(until([&] { return online(channel); }));
    auto control = SimControl::find(id).value();
    control.hang(SimHang::signals);
    channel.port().set_signals({.dtr = true}, [](const Result<line::Signals>&) {});

    std::optional<Result<void>> reply;
    channel.port().yield("flash", [&](Result<void> result) { reply = std::move(result); });

    EXPECT_FALSE(reply.has_value());
    ASSERT_TRUE(until([&] { return reply.has_value(); }, 10s));
    ASSERT_FALSE(*reply);
    EXPECT_EQ(reply->error().failure, Failure::timed_out);
    control.hang(SimHang::none);
    EXPECT_TRUE(until([&] { return online(channel); })) << channel.port().offline_reason();
}

TEST_P(PortHang, APortWhoseDriverHangsCanBeRemoved) {
    auto& channel = add_hanging_port("&hangs=open");
    ASSERT_FALSE(online(channel));
    bool stopped = false;

    hub_->shut_down(0ms, [&] { stopped = true; });

    EXPECT_TRUE(until([&] { return stopped; }, 10s));
    SimControl::find(id)->hang(SimHang::none);
    hub_ = std::make_unique<hub::Hub>(*loop_);
}

INSTANTIATE_TEST_SUITE_P(Engines, PortHang, testing::Values("epoll"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
