// What a session may do with its role, and what happens when the rules change.
#include "access/authority.hpp"
#include "contract/port_fixture.hpp"
#include "hub/session.hpp"

namespace vserd {
namespace {

using access::Role;
using hub::PortHandle;
using hub::Session;

class RightsTest : public HubTest {
protected:
    void SetUp() override {
        HubTest::SetUp();
        hub::HubConfig config;
        for (const char* name : {"hidden", "p"}) config.ports.push_back({name, "", "sim:echo", {}, 4096});
        hub_->apply(config);
        grant(std::vector<access::Rule>{});
    }

    void grant(const std::vector<access::Rule>& rules) {
        hub_->set_authority(
            std::make_shared<const access::Authority>(access::Authority{.policy = access::Policy(rules)}));
    }
    /// Grants ann that role on p, and nobody anything else.
    void grant(Role role) { grant({{.who = {"token:ann"}, .ports = {"p"}, .role = role}}); }

    /// A handle on p for ann, who has that role.
    PortHandle open(Role role) {
        grant(role);
        PortHandle handle = std::move(ann_.open("p").value());
        EXPECT_TRUE(until([&] { return handle->port().state() == port::PortState::online; }));
        return handle;
    }

    Session ann_{*hub_, {.identity = {.names = {"token:ann"}}, .via = "grpc", .name = "ann"}};
    Recorder recorder_;
};

TEST_P(RightsTest, WithoutARuleAPortDoesNotExist) {
    const auto refused = ann_.open("p");

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::not_found);
    EXPECT_EQ(refused.error().message, ann_.open("nothing like it").error().message.replace(9, 15, "p"));
    EXPECT_EQ(ann_.find("p"), nullptr);
    EXPECT_EQ(ann_.port_after(""), nullptr);
    EXPECT_EQ(ann_.check_known().error().failure, Failure::denied);
}

TEST_P(RightsTest, OnlyPortsThatMayBeListedAreListedOrSuggested) {
    grant(Role::list);

    std::string visited;
    ann_.for_each_port([&](const hub::Channel& channel) { visited += channel.name(); });

    EXPECT_EQ(visited, "p");
    EXPECT_EQ(ann_.open("hiden").error().message.find("hidden"), std::string::npos);
    EXPECT_TRUE(ann_.check_known());
}

TEST_P(RightsTest, EachRequestNeedsItsRole) {
    for (const Role role : {Role::list, Role::read, Role::write, Role::control, Role::admin}) {
        PortHandle port = open(role);
        const auto denied = [role](const auto& result, Role needed) {
            if (role >= needed) return bool(result);
            return !result && result.error().failure == Failure::denied && result.error().subject == to_string(needed);
        };
        Write write("x");
        std::vector<bool> controls;
        const auto note = [&](const auto& result) { controls.push_back(denied(result, Role::control)); };

        EXPECT_TRUE(denied(port.attach(hub::StartLive{}, recorder_), Role::read)) << to_string(role);
        port.submit(write.pending);
        port.change_settings({.baud = 9600}, soon(), note);
        port.set_modem_lines({.dtr = false}, note);
        port.send_break(port::break_duration_min, soon(), note);
        port.flush(line::FlushDirection::both, note);

        EXPECT_TRUE(until([&] { return write.result && controls.size() == 4; }));
        EXPECT_TRUE(denied(*write.result, Role::write)) << to_string(role);
        EXPECT_EQ(controls, std::vector<bool>(4, true)) << to_string(role);
    }
}

TEST_P(RightsTest, ALostRightEndsTheReaderWithTheReason) {
    struct Ended : Recorder {
        void on_closed(const Error& why) override {
            reason = why.message;
            Recorder::on_closed(why);
        }
        std::string reason;
    } reader;
    PortHandle port = open(Role::read);
    const auto attached = port.attach(hub::StartLive{}, reader);

    grant(Role::list);

    EXPECT_NE(reader.reason.find("you no longer have the role \"read\""), std::string::npos) << reader.reason;
    EXPECT_FALSE(port);
}

TEST_P(RightsTest, ALowerRoleCountsAtOnceAndAHigherOneToo) {
    PortHandle port = open(Role::write);
    ASSERT_TRUE(hold(port));

    grant(Role::control);
    EXPECT_TRUE(port.check_access(Role::control));
    grant(Role::write);

    EXPECT_EQ(port.check_access(Role::control).error().failure, Failure::denied);
    EXPECT_TRUE(port.check_access(Role::write));
}

TEST_P(RightsTest, WhoHoldsAPortAndMayNotWriteAnyMoreGivesItUp) {
    PortHandle port = open(Role::write);
    ASSERT_TRUE(hold(port));
    std::string reason;
    port.when_ended([&](const Error& why) { reason = why.message; });

    grant(Role::read);

    EXPECT_NE(reason, "");
    EXPECT_EQ(hub_->find("p")->holder(), "");
}

TEST_P(RightsTest, ALeaseEndsWithTheRightToWriteAndWhoWaitsForOneIsTold) {
    PortHandle holder = open(Role::write);
    PortHandle other = std::move(ann_.open("p").value());
    std::optional<Result<hub::Lease>> held;
    std::optional<Result<hub::Lease>> awaited;
    hub::LeaseRequest first;
    first.done = [&](const Result<hub::Lease>& lease) { held = lease; };
    hub::LeaseRequest second;
    second.wait = std::chrono::hours{1};
    second.done = [&](const Result<hub::Lease>& lease) { awaited = lease; };
    holder.acquire(first);
    ASSERT_TRUE(until([&] { return held.has_value(); }));
    ASSERT_TRUE(*held);
    other.acquire(second);
    ASSERT_FALSE(awaited);

    grant(Role::read);

    ASSERT_TRUE(awaited);
    EXPECT_EQ(awaited->error().failure, Failure::denied);
    EXPECT_EQ(awaited->error().subject, "write");
    EXPECT_EQ(hub_->find("p")->holder(), "");
}

TEST_P(RightsTest, BytesThatWaitAreNotWrittenWithoutTheRightToWrite) {
    PortHandle port = open(Role::write);
    Write write(std::string(20'000, 'x'));  // more than the queue and the device take at once
    port.submit(write.pending);
    ASSERT_FALSE(write.result);

    grant(Role::read);

    ASSERT_TRUE(write.result);
    EXPECT_EQ(write.result->error().failure, Failure::denied);
    EXPECT_LT(write.pending.taken, write.bytes.size());
}

TEST_P(RightsTest, ARoleOfTheListenerAddsToTheRules) {
    grant(Role::list);
    Session guest(*hub_, {.identity = {.granted = Role::read}, .via = "raw"});

    EXPECT_EQ(guest.role("p"), Role::read);
    EXPECT_EQ(ann_.role("p"), Role::list);
}

INSTANTIATE_TEST_SUITE_P(Engine, RightsTest, ::testing::Values("epoll"));

}  // namespace
}  // namespace vserd
