// One port's readers and writers, on a real pty.
#include "hub/channel.hpp"

#include <ctime>

#include "contract/port_fixture.hpp"
#include "support/settings.hpp"

namespace vserd {
namespace {

using hub::Writer;

class ChannelTest : public HubTest {
protected:
    static hub::ClientRef client(std::string name) {
        return std::make_shared<const hub::Client>(hub::Client{.name = std::move(name)});
    }
};

TEST_P(ChannelTest, AStoppedReaderCostsTheOthersNothingAndIsToldOfItsGap) {
    auto& channel = online_port(/*history_bytes=*/100'000);
    std::vector<Recorder> readers(8);
    for (auto& reader : readers) reader.start(channel, hub::StartOldest{});
    readers[0].stopped = true;
    std::string wanted;
    while (wanted.size() < 500'000) wanted += std::to_string(wanted.size()) + "\n";

    device_sends(wanted);

    for (std::size_t i = 1; i < readers.size(); ++i) {
        EXPECT_TRUE(until([&] { return readers[i].text.size() == wanted.size(); }));
        EXPECT_EQ(readers[i].text, wanted);
    }
    readers[0].stopped = false;
    readers[0].on_available();
    ASSERT_EQ(readers[0].gaps.size(), 1u);
    EXPECT_EQ(readers[0].gaps[0].to, wanted.size() - 100'000);
    EXPECT_EQ(readers[0].text, wanted.substr(wanted.size() - 100'000));
    EXPECT_EQ(channel.port().stats()->gap_bytes, readers[0].gaps[0].to - readers[0].gaps[0].from);
}

TEST_P(ChannelTest, StartPointsAreWhereTheyAre) {
    auto& channel = online_port(/*history_bytes=*/6);
    device_sends("0123456789");
    ASSERT_TRUE(until([&] { return channel.log().next_offset() == 10; }));

    Recorder live;
    Recorder oldest;
    Recorder offset;
    Recorder tail;
    Recorder lost;
    live.start(channel, hub::StartLive{});
    oldest.start(channel, hub::StartOldest{});
    offset.start(channel, hub::StartOffset{7});
    tail.start(channel, hub::StartTail{2});
    lost.start(channel, hub::StartOffset{1});

    EXPECT_EQ(live.text, "");
    EXPECT_EQ(oldest.text, "456789");
    EXPECT_TRUE(oldest.gaps.empty());
    EXPECT_EQ(offset.text, "789");
    EXPECT_EQ(tail.text, "89");
    EXPECT_EQ(lost.text, "456789");
    ASSERT_EQ(lost.gaps.size(), 1u);
    EXPECT_EQ(lost.gaps[0].from, 1u);
    EXPECT_EQ(lost.gaps[0].to, 4u);
}

TEST_P(ChannelTest, AnOffsetNotReachedIsOutOfRangeWithTheHead) {
    auto& channel = online_port();
    Recorder recorder;

    const auto reader = channel.attach(hub::StartOffset{1}, recorder);

    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().failure, Failure::out_of_range);
    EXPECT_NE(reader.error().message.find("head is at 0"), std::string::npos) << reader.error().message;
}

TEST_P(ChannelTest, WritesOfSeveralWritersArriveWholeAndInOrder) {
    auto& channel = online_port();
    Writer writer{channel, client("test"), access::Role::admin};
    std::vector<std::unique_ptr<Write>> writes;
    std::string wanted;
    for (char letter = 'a'; letter <= 'j'; ++letter) {
        writes.push_back(std::make_unique<Write>(std::string(3000, letter)));
        wanted += writes.back()->bytes;
        channel.submit(writer, writes.back()->pending);
    }

    EXPECT_TRUE(until([&] { return device_received().size() == wanted.size(); }));

    EXPECT_EQ(device_received_, wanted);
    for (const auto& write : writes) EXPECT_TRUE(write->result && *write->result);
}

TEST_P(ChannelTest, AWithdrawnWriteSaysHowMuchWasTaken) {
    auto& channel = online_port();
    Writer writer{channel, client("test"), access::Role::admin};
    Write write(std::string(1 << 20, 'x'));
    channel.submit(writer, write.pending);
    ASSERT_FALSE(write.result);

    hub::Channel::withdraw(write.pending);

    EXPECT_GE(write.pending.taken, 4096u);
    EXPECT_TRUE(until([&] { return device_received().size() == write.pending.taken; }));
    EXPECT_FALSE(write.result);
}

TEST_P(ChannelTest, AnExclusiveWriterShutsOutTheOthersUntilItGoes) {
    auto& channel = online_port();
    Recorder recorder;
    recorder.start(channel, hub::StartLive{});
    Writer other{channel, client("other"), access::Role::admin};
    Write refused("no");
    {
        Writer holder{channel, client("holder"), access::Role::admin};
        ASSERT_TRUE(hold(holder));
        EXPECT_EQ(hold(other).error().failure, Failure::refused);
        channel.submit(other, refused.pending);
        Write taken("yes");
        channel.submit(holder, taken.pending);
        EXPECT_TRUE(taken.result && *taken.result);
        EXPECT_EQ(channel.holder(), "holder");
        EXPECT_TRUE(channel.check_access(&holder));
        EXPECT_EQ(channel.check_access(&other).error().subject, "holder");
        EXPECT_EQ(channel.check_access(nullptr).error().failure, Failure::refused);
    }
    EXPECT_EQ(channel.holder(), "");
    ASSERT_TRUE(refused.result);
    EXPECT_EQ(refused.result->error().failure, Failure::refused);
    EXPECT_EQ(refused.result->error().subject, "holder");
    EXPECT_TRUE(channel.check_access(&other));
    EXPECT_TRUE(channel.check_access(nullptr));
    Write now("now");
    channel.submit(other, now.pending);
    EXPECT_TRUE(now.result && *now.result);
    EXPECT_EQ(recorder.count<port::WriterChanged>(), 2u);
    EXPECT_TRUE(until([&] { return device_received() == "yesnow"; }));
}

TEST_P(ChannelTest, WhatOthersHaveSubmittedIsRefusedWhenAClientTakesThePort) {
    auto& channel = online_port();
    Writer other{channel, client("other"), access::Role::admin};
    Writer holder{channel, client("holder"), access::Role::admin};
    Write waiting(std::string(1 << 20, 'x'));  // more than the queue and the pty take
    Write own(std::string(10, 'y'));
    channel.submit(other, waiting.pending);
    channel.submit(holder, own.pending);
    ASSERT_FALSE(waiting.result);

    ASSERT_TRUE(hold(holder));

    ASSERT_TRUE(waiting.result);
    EXPECT_EQ(waiting.result->error().subject, "holder");
    EXPECT_LT(waiting.pending.taken, waiting.bytes.size());
    EXPECT_TRUE(until([&] { return device_received().size() == waiting.pending.taken + own.bytes.size(); }));
    EXPECT_TRUE(own.result && *own.result);
}

TEST_P(ChannelTest, WritesWhileAwayFailOrWaitAsTheyWish) {
    auto& channel = add_port(node());
    ASSERT_TRUE(until([&] { return channel.port().stats()->open_errors > 0; }));
    Writer writer{channel, client("test"), access::Role::admin};
    Write impatient("no");
    Write patient("yes");
    patient.pending.wait_while_offline = true;

    channel.submit(writer, impatient.pending);
    channel.submit(writer, patient.pending);

    ASSERT_TRUE(impatient.result);
    EXPECT_EQ(impatient.result->error().failure, Failure::unavailable);
    plug();
    EXPECT_TRUE(until([&] { return device_received() == "yes"; }));
}

TEST_P(ChannelTest, AReloadTouchesOnlyWhatChanged) {
    hub::HubConfig config;
    config.ports.push_back({"a", "", "sim:echo", {}, 4096});
    config.ports.push_back({"b", "", "sim:echo", {}, 4096});
    hub_->apply(config);
    auto* kept = hub_->find("a");
    Recorder of_a;
    Recorder of_b;
    of_a.start(*kept, hub::StartOldest{});
    of_b.start(*hub_->find("b"), hub::StartOldest{});

    config.ports[1].name = "c";
    hub_->apply(config);

    EXPECT_EQ(hub_->find("a"), kept);
    EXPECT_EQ(hub_->find("b"), nullptr);
    EXPECT_NE(hub_->find("c"), nullptr);
    EXPECT_FALSE(of_a.closed);
    EXPECT_TRUE(of_b.closed);
}

/// What a hub tells of its ports.
struct Watcher : hub::PortWatcher {
    void on_port_added(const hub::Channel& /*channel*/) override {}
    void on_port_event(const hub::Channel& /*channel*/, const log::EventItem& event) override {
        if (const auto* offline = std::get_if<port::WentOffline>(&event.event))
            offline_reasons += offline->reason + "\n";
    }
    void on_port_removed(const hub::Channel& /*channel*/) override { ++removed; }
    void on_port_changed(const hub::Channel& channel) override { description = channel.port().config().description; }
    void on_port_refused(const hub::Channel& /*channel*/, const Error& error) override { refusal = error.message; }

    std::string offline_reasons;
    std::string description;
    std::string refusal;
    int removed = 0;
};

hub::HubConfig with_port(port::PortConfig port) {
    hub::HubConfig config;
    config.ports.push_back(std::move(port));
    return config;
}

TEST_P(ChannelTest, AReloadChangesALivePortInPlace) {
    auto& channel = online_port();
    Watcher watcher;
    hub_->add_watcher(watcher);
    Recorder reader;
    reader.start(channel, hub::StartLive{});
    Writer writer{channel, client("test"), access::Role::admin};
    Write before(std::string(8192, 'x'));  // which neither the queue nor the pty takes whole
    while (channel.port().transmit(as_bytes(std::string(4096, 'w'))) > 0) loop_->poll_once();
    channel.submit(writer, before.pending);
    ASSERT_FALSE(before.result);

    hub_->apply(with_port({"p", "the new text", node(), test::valid({.baud = 9600, .format = {}}), 65536}));

    ASSERT_EQ(hub_->find("p"), &channel);
    EXPECT_EQ(watcher.description, "the new text");
    EXPECT_TRUE(before.result && *before.result) << "there is room now";
    EXPECT_EQ(channel.port().settings().baud, 115200u) << "not before the accepted bytes are out";
    const std::uint64_t accepted = channel.port().tx_offset();
    EXPECT_TRUE(until([&] {
        device_received();
        return channel.port().settings().baud == 9600;
    }));
    EXPECT_TRUE(until([&] { return device_received().size() == accepted; }));
    EXPECT_EQ(reader.count<port::SettingsChanged>(), 1u);
    EXPECT_EQ(reader.count<port::WentOffline>(), 0u);
    EXPECT_FALSE(reader.closed);
    EXPECT_EQ(watcher.removed, 0);
    hub_->remove_watcher(watcher);
}

TEST_P(ChannelTest, AReloadWhileTheDeviceIsAwayIsInForceWhenItIsBack) {
    auto& channel = online_port();
    unplug();
    ASSERT_TRUE(until([&] { return channel.port().state() == port::PortState::offline; }));

    hub_->apply(with_port({"p", "", node(), test::valid({.baud = 9600, .format = {}}), 4096}));

    EXPECT_EQ(channel.port().settings().baud, 9600u);
    plug();
    EXPECT_TRUE(until([&] { return channel.port().state() == port::PortState::online; }));
    EXPECT_EQ(channel.port().settings().baud, 9600u);
}

TEST_P(ChannelTest, ALineThatDoesNotTakeTheSettingsOfAReloadGoesOnAndSaysSo) {
    auto& channel = add_port("sim:echo");
    ASSERT_TRUE(until([&] { return channel.port().state() == port::PortState::online; }));
    Watcher watcher;
    hub_->add_watcher(watcher);
    for (std::size_t i = 0; i < port::line_requests_max; ++i) {  // more than may wait
        channel.port().send_break(port::break_duration_max, std::chrono::steady_clock::time_point::max(),
                                  [](const Result<void>&) {});
    }

    hub_->apply(with_port({"p", "", "sim:echo", test::valid({.baud = 9600, .format = {}}), 4096}));

    EXPECT_NE(watcher.refusal.find("too many requests"), std::string::npos) << watcher.refusal;
    EXPECT_EQ(channel.port().state(), port::PortState::online);
    hub_->remove_watcher(watcher);
}

TEST_P(ChannelTest, AReplacedPortOpensTheSameDeviceWhenTheOldOneHasClosedIt) {
    online_port(/*history_bytes=*/100'000);
    Watcher watcher;
    hub_->add_watcher(watcher);

    auto& replaced = add_port(node(), /*history_bytes=*/200'000);
    EXPECT_TRUE(until([&] { return replaced.port().state() == port::PortState::online; }));
    hub_->apply(with_port({"other", "", pty_->path, {}, 4096}));  // the same device by another name
    auto& renamed = *hub_->find("other");
    EXPECT_TRUE(until([&] { return renamed.port().state() == port::PortState::online; }));

    EXPECT_EQ(watcher.removed, 2);
    EXPECT_EQ(watcher.offline_reasons, "");
    EXPECT_EQ(renamed.port().stats()->open_errors, 0u);
    hub_->remove_watcher(watcher);
}

TEST_P(ChannelTest, AnUnknownNameIsAnsweredWithTheClosestOne) {
    hub::HubConfig config;
    config.ports.push_back({"console", "", "sim:console", {}, 4096});
    config.ports.push_back({"echo", "", "sim:echo", {}, 4096});
    hub_->apply(config);

    const auto unknown = hub_->require("consle");

    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().failure, Failure::not_found);
    EXPECT_NE(unknown.error().message.find("did you mean \"console\"?"), std::string::npos) << unknown.error().message;
    EXPECT_EQ(hub_->require("").error().subject, "port");
}

TEST_P(ChannelTest, AnUnknownNameAmongHundredsOfPortsCostsLittle) {
    hub::HubConfig config;
    const std::string rack = "rack-" + std::string(48, 'x');
    for (int i = 0; i < 500; ++i)
        config.ports.push_back({rack + std::to_string(10'000 + i), "", "/dev/vserd-no-such-device", {}, 4096});
    hub_->apply(config);
    constexpr int calls = 100;
    const std::clock_t begin = std::clock();  // of the processor, whatever else it does

    for (int i = 0; i < calls; ++i) ASSERT_FALSE(hub_->require(rack + "1023"));

    const double seconds_each = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / calls;
    // Comparing each name in full takes 0.03 without optimisation. A sanitizer multiplies both.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    constexpr double limit = 0.05;
#else
    constexpr double limit = 0.005;
#endif
    EXPECT_LT(seconds_each, limit);
    const std::string message = hub_->require(rack + "1023").error().message;
    EXPECT_NE(message.find("did you mean \"" + rack + "10"), std::string::npos) << message;
    ASSERT_FALSE(hub_->require(std::string(1 << 20, 'x')));
}

TEST_P(ChannelTest, WatchersMayComeAndGoWhileTheyAreNotified) {
    struct Notified : hub::PortWatcher {
        explicit Notified(hub::Hub& watched) : hub(watched) {}
        void on_port_added(const hub::Channel& /*channel*/) override {
            ++told;
            if (removes != nullptr) hub.remove_watcher(*removes);
            if (adds != nullptr) hub.add_watcher(*adds);
            removes = adds = nullptr;
        }
        void on_port_event(const hub::Channel& /*channel*/, const log::EventItem& /*event*/) override {}
        void on_port_removed(const hub::Channel& /*channel*/) override {}
        hub::Hub& hub;
        Notified* removes = nullptr;
        Notified* adds = nullptr;
        int told = 0;
    };
    Notified first(*hub_);
    Notified second(*hub_);
    Notified third(*hub_);
    Notified late(*hub_);
    for (Notified* watcher : {&first, &second, &third}) hub_->add_watcher(*watcher);
    first.removes = &second;
    first.adds = &late;
    hub::HubConfig config;
    config.ports.push_back({"one", "", "sim:echo", {}, 4096});
    hub_->apply(config);
    config.ports.push_back({"two", "", "sim:echo", {}, 4096});
    hub_->apply(config);

    EXPECT_EQ(first.told, 2);
    EXPECT_EQ(second.told, 0);
    EXPECT_EQ(third.told, 2);
    EXPECT_EQ(late.told, 1);
    for (Notified* watcher : {&first, &third, &late}) hub_->remove_watcher(*watcher);
}

TEST_P(ChannelTest, ShutdownWritesWhatWasAcceptedFirst) {
    auto& channel = online_port();
    EXPECT_EQ(channel.port().transmit(as_bytes(std::string(4096, 'x'))), 4096u);
    bool done = false;

    hub_->shut_down(std::chrono::seconds{10}, [&] { done = true; });
    std::size_t received = 0;
    EXPECT_TRUE(until([&] {
        received = device_received().size();
        return done;
    }));

    EXPECT_EQ(received, 4096u);
}

INSTANTIATE_TEST_SUITE_P(Engines, ChannelTest, testing::Values("io_uring", "sigio", "epoll", "aio"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
