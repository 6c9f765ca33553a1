// Faces reach ports through sessions and handles.
#include "hub/session.hpp"

#include "contract/port_fixture.hpp"

namespace vserd {
namespace {

using hub::PortHandle;
using hub::Session;

class SessionTest : public HubTest {
protected:
    hub::Hub& replace_hub(hub::SessionLimits limits) {
        hub_ = std::make_unique<hub::Hub>(*loop_, nullptr, limits);
        return *hub_;
    }

    /// Ports on simulated devices that echo.
    void apply(const std::vector<std::string>& names, hub::ChannelLimits limits = {}) {
        hub::HubConfig config;
        config.limits = limits;
        for (const std::string& name : names) config.ports.push_back({name, "", "sim:echo", {}, 4096});
        hub_->apply(config);
    }

    PortHandle open(Session& session, std::string_view port = "p") {
        auto handle = session.open(port);
        EXPECT_TRUE(handle) << handle.error().message;
        PortHandle opened = std::move(*handle);
        EXPECT_TRUE(until([&] { return opened->port().state() == port::PortState::online; }));
        return opened;
    }

    /// What the port replied to each request that changes the line, in order; all are sent at once.
    static std::vector<std::optional<Failure>> failures_of_control(PortHandle& port) {
        std::vector<std::optional<Failure>> failures;
        const auto note = [&failures](const auto& result) {
            failures.push_back(result ? std::nullopt : std::optional(result.error().failure));
        };
        port.change_settings({.baud = 9600}, soon(), note);
        port.set_modem_lines({.dtr = false}, note);
        port.send_break(port::break_duration_min, soon(), note);
        port.flush(line::FlushDirection::both, note);
        return failures;
    }

    Session alice_{replace_hub({.streams_max = 2}), {.peer = "ipv4:192.0.2.1:1", .name = "alice"}};
    Session bob_{*hub_, {.peer = "ipv4:192.0.2.2:2", .name = "bob"}};
};

TEST_P(SessionTest, PortsAreListedInTheOrderOfTheirNames) {
    apply({"b", "a", "c"});

    std::string visited;
    alice_.for_each_port([&](const hub::Channel& channel) { visited += channel.name(); });

    EXPECT_EQ(visited, "abc");
    EXPECT_EQ(alice_.port_after("a")->name(), "b");
    EXPECT_EQ(alice_.port_after("c"), nullptr);
    EXPECT_EQ(alice_.open("d").error().failure, Failure::not_found);
}

TEST_P(SessionTest, AHandleTurnsNullWhenAReloadRemovesThePort) {
    apply({"p", "other"});
    PortHandle port = open(alice_);
    PortHandle other = open(alice_, "other");
    bool was_null = false;
    Write write(std::string(1 << 20, 'x'));
    write.pending.done = [&](const Result<void>& /*result*/) { was_null = !port; };
    port.submit(write.pending);
    ASSERT_TRUE(write.pending.is_linked());

    apply({"other"});

    EXPECT_FALSE(port);
    EXPECT_TRUE(other);
    EXPECT_TRUE(was_null) << "the write failed before the handle was null";
    const std::vector<std::optional<Failure>> all_unavailable(4, Failure::unavailable);
    EXPECT_EQ(failures_of_control(port), all_unavailable);
    Recorder sink;
    EXPECT_EQ(port.attach(hub::StartLive{}, sink).error().failure, Failure::unavailable);
    EXPECT_EQ(hold(port).error().failure, Failure::unavailable);
    Write late(std::string(1, 'x'));
    port.submit(late.pending);
    EXPECT_EQ(late.result.value().error().failure, Failure::unavailable);
    bool looked = false;
    port.look([&] { looked = true; });
    EXPECT_TRUE(looked);
}

TEST_P(SessionTest, ExclusiveAccessOfOneSessionKeepsTheOthersFromWritingAndFromTheLine) {
    apply({"p"});
    PortHandle held = open(alice_);
    PortHandle shut_out = open(bob_);
    ASSERT_TRUE(hold(held));
    Write write(std::string(3, 'x'));

    shut_out.submit(write.pending);

    EXPECT_EQ(write.result.value().error().failure, Failure::refused);
    EXPECT_EQ(write.result->error().subject, "alice");
    EXPECT_EQ(held->port().stats()->refused_bytes, 3u);
    const std::vector<std::optional<Failure>> all_refused(4, Failure::refused);
    EXPECT_EQ(failures_of_control(shut_out), all_refused);
    EXPECT_EQ(hold(shut_out).error().failure, Failure::refused);
    EXPECT_EQ(held->port().settings().baud, 115200u);

    held = {};

    EXPECT_EQ(shut_out->holder(), "");
    EXPECT_TRUE(shut_out.check_access(access::Role::write));
    const auto baud =
        reply_of<line::Settings>([&](const auto& reply) { shut_out.change_settings({.baud = 9600}, soon(), reply); });
    ASSERT_TRUE(baud) << baud.error().message;
    EXPECT_EQ(baud->baud, 9600u);
}

TEST_P(SessionTest, AMovedHandleKeepsExclusiveAccess) {
    apply({"p"});
    PortHandle port = open(alice_);
    ASSERT_TRUE(hold(port));

    PortHandle moved = std::move(port);

    EXPECT_TRUE(moved.check_access(access::Role::write));
    EXPECT_EQ(moved->holder(), "alice");
}

TEST_P(SessionTest, AClientWithoutANameIsShownByItsAddress) {
    apply({"p"});
    Session unnamed(*hub_, {.peer = "unix:/tmp/\xFF"});
    PortHandle port = open(unnamed);

    ASSERT_TRUE(hold(port));

    EXPECT_EQ(port->holder(), "unix:/tmp/\uFFFD");
}

TEST_P(SessionTest, AValueThatNoPortCanTakeIsRejectedWhileTheDeviceIsDisconnected) {
    hub::HubConfig config;
    config.ports.push_back({"p", "", "/dev/vserd-no-such-device", {}, 4096});
    hub_->apply(config);
    PortHandle port = std::move(*alice_.open("p"));

    const auto zero =
        reply_of<line::Settings>([&](const auto& reply) { port.change_settings({.baud = 0}, soon(), reply); });

    EXPECT_EQ(zero.error().failure, Failure::invalid_argument);
}

TEST_P(SessionTest, ReadersOfAllSessionsCountTogether) {
    apply({"p"}, {.readers_max = 2});
    PortHandle of_alice = open(alice_);
    PortHandle of_bob = open(bob_);
    Recorder sink;

    auto first = of_alice.attach(hub::StartLive{}, sink);
    auto second = of_bob.attach(hub::StartLive{}, sink);
    const auto third = of_bob.attach(hub::StartLive{}, sink);

    ASSERT_TRUE(first && second);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().subject, "readers_max");
    first->reset();
    EXPECT_TRUE(of_bob.attach(hub::StartLive{}, sink));
}

TEST_P(SessionTest, StreamsOfAllSessionsCountTogether) {
    auto first = alice_.open_stream();
    const auto second = bob_.open_stream();
    const auto third = bob_.open_stream();

    ASSERT_TRUE(first && second);
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().failure, Failure::exhausted);
    EXPECT_EQ(third.error().subject, "streams_max");
    first->reset();
    EXPECT_TRUE(bob_.open_stream());
}

TEST_P(SessionTest, WritesThatWaitOfAllSessionsCountTogether) {
    apply({"p"}, {.pending_writes_max = 2});
    PortHandle of_alice = open(alice_);
    PortHandle of_bob = open(bob_);
    Write large(std::string(hub::waiting_write_bytes_max + 8192, 'x'));
    Write too_much(std::string(8192, 'x'));
    Write patient(std::string(8192, 'x'));
    Write third(std::string(8192, 'x'));
    patient.pending.wait_while_offline = third.pending.wait_while_offline = true;

    of_alice.submit(large.pending);
    of_bob.submit(too_much.pending);
    of_bob.submit(patient.pending);
    of_bob.submit(third.pending);

    EXPECT_FALSE(large.result) << "one write may always wait";
    EXPECT_EQ(too_much.result.value().error().subject, "waiting_write_bytes_max");
    EXPECT_FALSE(patient.result) << "the message of a stream does not count";
    EXPECT_EQ(third.result.value().error().subject, "pending_writes_max");
}

TEST_P(SessionTest, AClientThatStaysConnectedIsListedAndAPassingCallIsNot) {
    apply({"p"});
    PortHandle passing = open(alice_);
    PortHandle staying = open(bob_);
    Recorder sink;
    EXPECT_TRUE(alice_.sessions(*passing).empty());
    auto reader = staying.attach(hub::StartLive{}, sink, hub::SessionMode::read_write);
    ASSERT_TRUE(reader);
    Write write("hello");
    staying.submit(write.pending);
    ASSERT_TRUE(until([&] { return staying->log().next_offset() == 5; }));

    const auto sessions = alice_.sessions(*passing);

    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_EQ(sessions[0].name, "bob");
    EXPECT_EQ(sessions[0].port, "p");
    EXPECT_EQ(sessions[0].mode, hub::SessionMode::read_write);
    EXPECT_EQ(sessions[0].written_bytes, 5U);
    EXPECT_EQ(sessions[0].read_bytes, 0U);
    EXPECT_EQ(sessions[0].lag_bytes, 5U);
    EXPECT_EQ((*reader)->next(3).has_value(), true);
    EXPECT_EQ(alice_.sessions(*passing)[0].read_bytes, 3U);
    EXPECT_EQ(alice_.sessions(*passing)[0].lag_bytes, 2U);
    staying = {};
    EXPECT_TRUE(alice_.sessions(*passing).empty());
}

TEST_P(SessionTest, AnEndedSessionIsToldWhyAndItsHandleIsNull) {
    apply({"p"});
    PortHandle port = open(bob_);
    PortHandle other = open(alice_);
    Recorder sink;
    auto reader = port.attach(hub::StartLive{}, sink);
    ASSERT_TRUE(reader);
    ASSERT_TRUE(hold(port));
    const std::string id = alice_.sessions(*other).at(0).id;

    EXPECT_EQ(alice_.end_session(id + "0", "alice", "").error().failure, Failure::no_session);
    ASSERT_TRUE(alice_.end_session(id, "alice", "release"));

    EXPECT_TRUE(sink.closed);
    EXPECT_FALSE(port);
    EXPECT_EQ(other->holder(), "");
    EXPECT_EQ(other->readers(), 0U);
    EXPECT_EQ(alice_.end_session(id, "alice", "").error().failure, Failure::no_session);
}

TEST_P(SessionTest, SessionsAreCountedUntilTheirPortIsRemoved) {
    apply({"p", "other"});
    PortHandle port = open(alice_);
    Recorder sink;
    auto reader = port.attach(hub::StartLive{}, sink);
    const auto others = hub::SessionBook::faces.size();  // these clients come through no face
    EXPECT_EQ(hub_->sessions().count(others), 1U);

    apply({"other"});

    EXPECT_EQ(hub_->sessions().count(others), 0U);
    port = {};
    EXPECT_EQ(hub_->sessions().count(others), 0U);
}

TEST_P(SessionTest, ANoticeReachesEveryReaderAlsoWhileAnotherClientHoldsThePort) {
    apply({"p"});
    PortHandle port = open(alice_);
    PortHandle held = open(bob_);
    Recorder sink;
    sink.start(const_cast<hub::Channel&>(*port), hub::StartLive{});
    ASSERT_TRUE(hold(held));

    const auto readers = port.notify("reboot\nat 5", alice_.signature(""));

    ASSERT_TRUE(readers);
    EXPECT_EQ(*readers, 1U);
    const auto& notice = std::get<port::Notice>(sink.events.back().event);
    EXPECT_EQ(notice.text, "reboot\uFFFDat 5");
    EXPECT_EQ(notice.from, "alice");
}

TEST(SessionBook, IdsFitOneProcessOnly) {
    hub::SessionBook book;
    const auto first = book.enter("grpc");
    const auto second = book.enter("grpc");

    EXPECT_EQ(book.number_of(book.id_of(first)), first);
    EXPECT_NE(book.id_of(first), book.id_of(second));
    const std::string id = book.id_of(second);
    for (const std::string& wrong : {std::string{}, std::string("0000-2"), id.substr(0, 4), id.substr(0, 5), id + "x",
                                     id + "99999999999999999999", " " + id})
        EXPECT_EQ(book.number_of(wrong), 0U) << wrong;
}

INSTANTIATE_TEST_SUITE_P(Engines, SessionTest, testing::Values("epoll"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
