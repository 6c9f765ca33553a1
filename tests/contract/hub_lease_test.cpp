// Leases of real ports: who may write, and what the device receives when a lease ends.
#include "contract/port_fixture.hpp"

namespace vserd {
namespace {

using namespace std::chrono_literals;
using hub::Lease;
using hub::LeaseRequest;
using hub::PortHandle;

class HubLeaseTest : public HubTest {
protected:
    struct Acquired {
        LeaseRequest request;
        std::optional<Result<Lease>> answer;
        std::uint64_t id() const { return answer && *answer ? (*answer)->id : 0; }
    };

    PortHandle client(hub::Channel& channel, const std::string& name) {
        hub::Session session(*hub_, {.identity = {.names = {"token:" + name}}, .via = "grpc", .name = name});
        return std::move(*session.open(channel.name()));
    }

    static std::unique_ptr<Acquired> ask(PortHandle& port, std::chrono::milliseconds wait = 0ms, bool takeover = false,
                                         std::chrono::milliseconds ttl = 60s) {
        auto asked = std::make_unique<Acquired>();
        asked->request.wait = wait;
        asked->request.takeover = takeover;
        asked->request.ttl = ttl;
        asked->request.done = [&answer = asked->answer](const Result<Lease>& lease) { answer = lease; };
        port.acquire(asked->request);
        return asked;
    }

    std::uint64_t acquire(PortHandle& port) {
        const auto asked = ask(port);
        EXPECT_TRUE(until([&] { return asked->answer.has_value(); }));
        EXPECT_TRUE(*asked->answer) << asked->answer->error().message;
        port.present(asked->id());
        return asked->id();
    }

    /// Stops the device by XOFF, so that what is written stays in vserd and in the kernel.
    void stop_device(hub::Channel& channel) {
        const auto set = reply_of<line::Settings>([&](auto reply) {
            channel.port().change_settings({.flow_control = line::FlowControl::xon_xoff}, soon(), reply);
        });
        ASSERT_TRUE(set);
        device_sends("\x13");
    }

    static std::optional<Failure> failure_of(const Write& write) {
        return write.result && !*write.result ? std::optional(write.result->error().failure) : std::nullopt;
    }
};

TEST_P(HubLeaseTest, TheHolderPresentsItsLeaseAndNobodyElseWritesOrChangesTheLine) {
    auto& channel = online_port();
    Recorder events;
    events.start(channel, hub::StartLive{});
    PortHandle ann = client(channel, "ann");
    PortHandle again = client(channel, "ann");  // another connection of the same identity
    PortHandle bob = client(channel, "bob");
    const std::uint64_t id = acquire(ann);

    Write own("own");
    again.present(id);
    again.submit(own.pending);
    Write without("none");
    client(channel, "ann").submit(without.pending);
    Write stolen("stolen");
    bob.present(id);
    bob.submit(stolen.pending);

    EXPECT_TRUE(own.result && *own.result);
    EXPECT_EQ(failure_of(without), Failure::refused);
    EXPECT_EQ(failure_of(stolen), Failure::refused);
    EXPECT_EQ(without.result->error().subject, "ann");
    EXPECT_FALSE(reply_of<line::Settings>([&](auto reply) { bob.change_settings({.baud = 9600}, soon(), reply); }));
    EXPECT_FALSE(hold(bob));
    EXPECT_TRUE(channel.port().stats()->lease_held);
    ASSERT_TRUE(ann.release(id));
    EXPECT_FALSE(channel.port().stats()->lease_held);
    Write late("late");
    again.submit(late.pending);
    EXPECT_EQ(failure_of(late), Failure::lease_lost);
    EXPECT_TRUE(until([&] { return device_received() == "own"; }));
    EXPECT_EQ(events.count<port::WriterChanged>(), 2U);
}

TEST_P(HubLeaseTest, AfterATakeoverNoByteOfTheOldHolderReachesTheDevice) {
    auto& channel = online_port();
    stop_device(channel);
    Recorder events;
    events.start(channel, hub::StartLive{});
    PortHandle ann = client(channel, "ann");
    PortHandle boss = client(channel, "boss");
    acquire(ann);
    Write queued(std::string(2048, 'a'));
    Write waiting(std::string(1 << 20, 'a'));
    ann.submit(queued.pending);
    ann.submit(waiting.pending);
    ASSERT_TRUE(queued.result && *queued.result);
    ASSERT_FALSE(waiting.result);

    const auto taken = ask(boss, 0ms, /*takeover=*/true);

    EXPECT_EQ(failure_of(waiting), Failure::lease_lost) << "at once, not when the output is cleared";
    ASSERT_TRUE(until([&] { return taken->answer.has_value(); }));
    ASSERT_TRUE(*taken->answer);
    const std::size_t before = device_received().size();
    boss.present(taken->id());
    Write own("boss");
    boss.submit(own.pending);
    device_sends("\x11");
    ASSERT_TRUE(until([&] { return device_received().ends_with("boss"); }));
    EXPECT_EQ(device_received().size(), before + 4) << "bytes of ann arrived after boss held the port";
    ASSERT_EQ(events.count<port::Flushed>(), 1U);
    const auto& last = std::get<port::WriterChanged>(events.events.back().event);
    EXPECT_EQ(last.client, "boss");
    EXPECT_EQ(last.previous, "ann");
    EXPECT_EQ(last.change, port::LeaseChange::taken_over);
}

TEST_P(HubLeaseTest, AnExpiredHolderIsFencedAndItsBytesAreDiscarded) {
    auto& channel = online_port();
    stop_device(channel);
    PortHandle ann = client(channel, "ann");
    PortHandle bob = client(channel, "bob");
    const auto held = ask(ann, 0ms, false, 1s);
    ann.present(held->id());
    Write queued(std::string(2048, 'a'));
    ann.submit(queued.pending);
    const auto next = ask(bob, 1min);

    ASSERT_TRUE(until([&] { return next->answer.has_value(); }));

    ASSERT_TRUE(*next->answer);
    EXPECT_EQ(ann.renew(held->id(), {}).error().failure, Failure::lease_lost);
    const std::size_t before = device_received().size();
    bob.present(next->id());
    Write own("bob");
    bob.submit(own.pending);
    device_sends("\x11");
    ASSERT_TRUE(until([&] { return device_received().ends_with("bob"); }));
    EXPECT_EQ(device_received().size(), before + 3);
}

TEST_P(HubLeaseTest, TheBytesOfAHolderThatReleasesArriveBeforeTheNextOneHolds) {
    auto& channel = online_port();
    PortHandle ann = client(channel, "ann");
    PortHandle bob = client(channel, "bob");
    const std::uint64_t id = acquire(ann);
    Write queued(std::string(3000, 'a'));
    ann.submit(queued.pending);
    const auto next = ask(bob, 1min);
    ASSERT_TRUE(ann.release(id));

    std::string at_grant;
    ASSERT_TRUE(until([&] {
        const std::string received = device_received();
        if (next->answer && at_grant.empty()) at_grant = received;
        return next->answer.has_value();
    }));

    EXPECT_EQ(at_grant, std::string(3000, 'a'));
}

TEST_P(HubLeaseTest, BytesThatNoDeviceTakesAreDiscardedForTheNextHolder) {
    auto& channel = add_port(node());
    PortHandle ann = client(channel, "ann");
    PortHandle bob = client(channel, "bob");
    const std::uint64_t id = acquire(ann);
    Write queued("ann");
    queued.pending.wait_while_offline = true;
    ann.submit(queued.pending);
    ASSERT_TRUE(queued.result && *queued.result);
    ASSERT_TRUE(ann.release(id));

    const std::uint64_t next = acquire(bob);
    bob.present(next);
    Write own("bob");
    own.pending.wait_while_offline = true;
    bob.submit(own.pending);
    plug();

    EXPECT_TRUE(until([&] { return device_received() == "bob"; })) << device_received();
}

TEST_P(HubLeaseTest, ARequestThatWaitsBehindTheBytesOfAnOldHolderFailsWithItsLease) {
    auto& channel = online_port();
    stop_device(channel);
    PortHandle ann = client(channel, "ann");
    PortHandle boss = client(channel, "boss");
    acquire(ann);
    Write queued(std::string(2048, 'a'));
    ann.submit(queued.pending);
    std::optional<Result<line::Settings>> changed;
    ann.change_settings({.baud = 9600}, soon(), [&](const Result<line::Settings>& result) { changed = result; });

    const auto taken = ask(boss, 0ms, /*takeover=*/true);

    ASSERT_TRUE(until([&] { return taken->answer && changed; }));
    EXPECT_EQ(changed->error().failure, Failure::lease_lost);
    EXPECT_EQ(channel.port().settings().baud, 115200U);
}

TEST_P(HubLeaseTest, APortThatIsRemovedAnswersThoseWhoWait) {
    auto& channel = online_port();
    PortHandle ann = client(channel, "ann");
    PortHandle bob = client(channel, "bob");
    acquire(ann);
    const auto waiting = ask(bob, 1min);

    hub_->apply({});

    ASSERT_TRUE(waiting->answer);
    EXPECT_EQ(waiting->answer->error().failure, Failure::unavailable);
    EXPECT_EQ(ann.renew(1, {}).error().failure, Failure::unavailable);
}

INSTANTIATE_TEST_SUITE_P(Engines, HubLeaseTest, testing::Values("io_uring", "sigio", "epoll", "aio"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
