// The lease of one port, without a port: who holds it, who waits, and when the next one gets it.
#include "hub/lease_queue.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <list>

namespace vserd::hub {
namespace {

using namespace std::chrono_literals;
using Clock = LeaseQueue::Clock;

class LeaseQueueTest : public testing::Test {
protected:
    struct Client {
        LeaseRequest request;
        std::optional<Result<Lease>> answer;

        bool waits() const { return !answer; }
        bool holds() const { return answer && *answer; }
        std::uint64_t id() const { return (*answer)->id; }
        LeaseClaim claim() const { return {id(), nullptr, request.party.identity}; }
    };

    /// A client that asks for the lease. Its identity is its name.
    Client& ask(
        const std::string& name, std::chrono::milliseconds wait = 0ms,
        const std::function<void(LeaseRequest&)>& change = [](LeaseRequest&) {}) {
        Client& client = clients_.emplace_back();
        client.request.party = {name, name, "grpc"};
        client.request.wait = wait;
        client.request.done = [&client](const Result<Lease>& lease) { client.answer = lease; };
        change(client.request);
        queue_.acquire(client.request, now_);
        return client;
    }
    Client& take_over(const std::string& name) {
        return ask(name, 0ms, [](LeaseRequest& request) { request.takeover = true; });
    }
    void pass(Clock::duration time) {
        now_ += time;
        queue_.tick(now_);
    }
    /// The port has sent or discarded its output.
    void output_cleared() {
        const auto done = std::move(clearing_.front());
        clearing_.pop_front();
        done();
    }

    std::vector<std::string> story_;              // what the hooks were told
    std::deque<std::function<void()>> clearing_;  // clear_output() that has not ended
    Clock::time_point now_ = Clock::now();        // grant() after cleared() uses the real clock
    std::list<Client> clients_;
    LeaseQueue queue_{
        "p",
        {
            .granted =
                [this](const Lease& lease, const std::string& from) {
                    story_.push_back(lease.holder.client + " holds" + (from.empty() ? "" : ", taken from " + from));
                },
            .ended =
                [this](const Lease& lease, LeaseEnd how) {
                    const char* const words[] = {" released", " expired", " taken over"};
                    story_.push_back(lease.holder.client + words[static_cast<int>(how)]);
                },
            .fenced = [] {},
            .clear_output =
                [this](bool discard, std::function<void()> done) {
                    story_.emplace_back(discard ? "discard" : "send");
                    clearing_.push_back(std::move(done));
                },
            .deadline_changed = [] {},
        }};
};

TEST_F(LeaseQueueTest, AFreePortIsGrantedAtOnceAndNobodyElseMayWrite) {
    EXPECT_TRUE(queue_.check({}));

    Client& ann = ask("ann");

    ASSERT_TRUE(ann.holds());
    EXPECT_TRUE(queue_.check(ann.claim()));
    const auto refused = queue_.check({});
    EXPECT_EQ(refused.error().failure, Failure::refused);
    EXPECT_EQ(refused.error().subject, "ann");
    EXPECT_EQ(ask("bob").answer->error().failure, Failure::refused);
}

TEST_F(LeaseQueueTest, OnlyTheIdentityThatAcquiredALeaseMayUseIt) {
    Client& ann = ask("ann");
    const LeaseClaim stolen{ann.id(), nullptr, "bob"};

    EXPECT_EQ(queue_.check(stolen).error().failure, Failure::refused);
    EXPECT_EQ(queue_.renew(stolen, 5s, now_).error().failure, Failure::refused);
    EXPECT_EQ(queue_.release(stolen, now_).error().failure, Failure::refused);
    EXPECT_NE(queue_.held(), nullptr);
}

TEST_F(LeaseQueueTest, AStaleIdIsRefusedAlsoWhileNobodyHoldsThePort) {
    Client& ann = ask("ann");
    const LeaseClaim old = ann.claim();
    ASSERT_TRUE(queue_.release(old, now_));

    EXPECT_EQ(queue_.check(old).error().failure, Failure::lease_lost);
    EXPECT_EQ(queue_.renew(old, {}, now_).error().failure, Failure::lease_lost);
    EXPECT_EQ(queue_.release(old, now_).error().failure, Failure::lease_lost);
    EXPECT_TRUE(queue_.check({}));

    Client& bob = ask("bob");
    EXPECT_GT(bob.id(), old.lease);
    const auto lost = queue_.check(old);
    EXPECT_EQ(lost.error().failure, Failure::lease_lost);
    EXPECT_EQ(lost.error().subject, "bob") << "the error says who holds the port now";
}

TEST_F(LeaseQueueTest, WaitingClientsGetTheLeaseInTheOrderOfTheirArrival) {
    Client& first = ask("first");
    Client& second = ask("second", 1min);
    Client& third = ask("third", 1min);
    Client& impatient = ask("impatient");

    EXPECT_TRUE(second.waits() && third.waits());
    EXPECT_EQ(impatient.answer->error().failure, Failure::refused);
    ASSERT_TRUE(queue_.release(first.claim(), now_));
    EXPECT_TRUE(second.holds());
    EXPECT_TRUE(third.waits());
    EXPECT_EQ(ask("late").answer->error().failure, Failure::refused) << "nobody overtakes the queue";
    ASSERT_TRUE(queue_.release(second.claim(), now_));
    EXPECT_TRUE(third.holds());
    EXPECT_EQ(story_, (std::vector<std::string>{"first holds", "first released", "second holds", "second released",
                                                "third holds"}));
}

TEST_F(LeaseQueueTest, ALeaseExpiresUnlessItIsRenewed) {
    Client& ann = ask("ann", 0ms, [](LeaseRequest& request) { request.ttl = 10s; });
    Client& bob = ask("bob", 1min);
    pass(9s);
    ASSERT_TRUE(queue_.renew(ann.claim(), {}, now_));
    pass(9s);
    EXPECT_TRUE(bob.waits());
    ASSERT_TRUE(queue_.renew(ann.claim(), 2s, now_));
    EXPECT_EQ(*queue_.next_deadline(), now_ + 2s);

    pass(2s);

    EXPECT_TRUE(bob.holds());
    EXPECT_EQ(story_, (std::vector<std::string>{"ann holds", "ann expired", "bob holds"}));
}

TEST_F(LeaseQueueTest, AWaitThatEndsIsAnsweredWithTheHolder) {
    ask("ann");
    Client& bob = ask("bob", 5s);
    Client& eve = ask("eve", 9s);
    EXPECT_EQ(*queue_.next_deadline(), now_ + 5s);

    pass(5s);

    EXPECT_EQ(bob.answer->error().failure, Failure::refused);
    EXPECT_EQ(bob.answer->error().subject, "ann");
    EXPECT_TRUE(eve.waits());
}

TEST_F(LeaseQueueTest, AClientThatWithdrawsLosesOnlyItsOwnPlace) {
    Client& ann = ask("ann");
    Client& bob = ask("bob", 1min);
    Client& eve = ask("eve", 1min);

    queue_.withdraw(bob.request);
    ASSERT_TRUE(queue_.release(ann.claim(), now_));

    EXPECT_TRUE(bob.waits());
    EXPECT_TRUE(eve.holds());
}

TEST_F(LeaseQueueTest, ATakeoverEndsTheLeaseAndGoesInFrontOfTheQueue) {
    Client& ann = ask("ann");
    Client& bob = ask("bob", 1min);

    Client& boss = take_over("boss");

    EXPECT_TRUE(boss.holds());
    EXPECT_TRUE(bob.waits());
    EXPECT_EQ(queue_.check(ann.claim()).error().failure, Failure::lease_lost);
    EXPECT_EQ(story_, (std::vector<std::string>{"ann holds", "boss holds, taken from ann"}));
}

TEST_F(LeaseQueueTest, ATakeoverOfAFreePortIsAnAcquisition) {
    EXPECT_TRUE(take_over("boss").holds());
    EXPECT_EQ(story_, std::vector<std::string>{"boss holds"});
}

TEST_F(LeaseQueueTest, TheBytesOfAHolderThatReleasesAreSentBeforeTheNextOneHolds) {
    Client& ann = ask("ann");
    queue_.note_output();
    Client& bob = ask("bob", 1min);

    ASSERT_TRUE(queue_.release(ann.claim(), now_));

    EXPECT_TRUE(bob.waits());
    EXPECT_EQ(queue_.check(ann.claim()).error().failure, Failure::lease_lost);
    EXPECT_EQ(queue_.check({}).error().failure, Failure::refused) << "the port is promised to bob";
    EXPECT_EQ(queue_.check({}).error().subject, "bob");
    output_cleared();
    EXPECT_TRUE(bob.holds());
    EXPECT_EQ(story_, (std::vector<std::string>{"ann holds", "ann released", "send", "bob holds"}));
}

TEST_F(LeaseQueueTest, AClientThatDoesNotWaitGetsAPortThatOnlySendsTheLastBytes) {
    Client& ann = ask("ann");
    queue_.note_output();
    ASSERT_TRUE(queue_.release(ann.claim(), now_));
    EXPECT_TRUE(clearing_.empty()) << "nobody waits, so nothing has to be cleared";

    Client& bob = ask("bob");
    pass(1h);

    EXPECT_TRUE(bob.waits());
    output_cleared();
    EXPECT_TRUE(bob.holds());
}

TEST_F(LeaseQueueTest, ALeaseOfAStreamDoesNotWaitForBytesThatAreSentBeforeItsOwn) {
    Client& ann = ask("ann");
    queue_.note_output();
    ASSERT_TRUE(queue_.release(ann.claim(), now_));
    const int stream = 0;

    Client& bob = ask("bob", 0ms, [&](LeaseRequest& request) {
        request.ttl = std::nullopt;
        request.stream = &stream;
    });

    EXPECT_TRUE(bob.holds());
    EXPECT_TRUE(clearing_.empty());
    queue_.release_stream(&stream, now_);
    EXPECT_TRUE(ask("eve").waits()) << "a timed lease waits for the bytes of both";
}

TEST_F(LeaseQueueTest, TheBytesOfAHolderThatExpiredAreDiscarded) {
    Client& ann = ask("ann", 0ms, [](LeaseRequest& request) { request.ttl = 1s; });
    queue_.note_output();

    pass(1s);

    EXPECT_EQ(queue_.check(ann.claim()).error().failure, Failure::lease_lost);
    EXPECT_TRUE(queue_.check({}));
    Client& bob = ask("bob");
    EXPECT_TRUE(bob.waits()) << "not before the output is cleared";
    output_cleared();
    EXPECT_TRUE(bob.holds());
    EXPECT_EQ(story_, (std::vector<std::string>{"ann holds", "ann expired", "discard", "bob holds"}));
}

TEST_F(LeaseQueueTest, ATakeoverWhoseClientGivesUpMeanwhileLeavesThePortFree) {
    Client& ann = ask("ann");
    queue_.note_output();
    Client& boss = take_over("boss");
    EXPECT_TRUE(boss.waits());
    queue_.withdraw(boss.request);

    output_cleared();

    EXPECT_TRUE(queue_.check({}));
    EXPECT_FALSE(queue_.check(ann.claim()));
    EXPECT_EQ(story_, (std::vector<std::string>{"ann holds", "discard", "ann taken over"}));
}

TEST_F(LeaseQueueTest, ALeaseOfAStreamEndsWithItAndDoesNotExpire) {
    const int stream = 0;
    ask("ann", 0ms, [&](LeaseRequest& request) {
        request.ttl = std::nullopt;
        request.stream = &stream;
    });
    pass(1000h);
    EXPECT_TRUE(queue_.check({0, &stream, "ann"}));
    EXPECT_FALSE(queue_.check({0, &queue_, "ann"}));
    EXPECT_FALSE(queue_.next_deadline());

    queue_.release_stream(&queue_, now_);
    EXPECT_NE(queue_.held(), nullptr) << "another stream has ended";
    queue_.release_stream(&stream, now_);

    EXPECT_EQ(queue_.held(), nullptr);
}

TEST_F(LeaseQueueTest, ARestoredLeaseIsUsedRenewedAndFencedAsBefore) {
    const std::uint64_t id = next_lease_id(0, std::chrono::system_clock::now()) + 1'000'000;
    queue_.restore(id, Lease{id, {"ann", "ann", "grpc"}, "", {}, 10s, now_ + 10s});

    EXPECT_TRUE(queue_.check({id, nullptr, "ann"}));
    EXPECT_TRUE(queue_.renew({id, nullptr, "ann"}, {}, now_));
    EXPECT_EQ(queue_.check({id - 1, nullptr, "ann"}).error().failure, Failure::lease_lost);
    ASSERT_TRUE(queue_.release({id, nullptr, "ann"}, now_));
    Client& bob = ask("bob");
    output_cleared();  // the driver may still have bytes of the previous process
    EXPECT_GT(bob.id(), id);
}

TEST_F(LeaseQueueTest, IdsGrowAlsoWhenTheClockWasSetBackOrTheStateIsLost) {
    const log::WallTime now{std::chrono::milliseconds{5000}};

    EXPECT_EQ(next_lease_id(0, now), 5000U);
    EXPECT_EQ(next_lease_id(5000, now), 5001U);
    EXPECT_EQ(next_lease_id(9000, now), 9001U);
    EXPECT_EQ(next_lease_id(0, log::WallTime{-1h}), 1U);
}

TEST_F(LeaseQueueTest, TheQueueIsBounded) {
    ask("ann");
    for (std::size_t i = 0; i < lease_waiters_max; ++i) ask("w", 1min);

    const Client& last = ask("last", 1min);

    EXPECT_EQ(last.answer->error().failure, Failure::exhausted);
    EXPECT_EQ(last.answer->error().subject, "lease_waiters_max");
    EXPECT_EQ(queue_.waiting_count(), lease_waiters_max);
}

TEST_F(LeaseQueueTest, AStopAnswersEverybodyWhoWaits) {
    Client& ann = ask("ann");
    Client& bob = ask("bob", 1min);

    queue_.stop({Failure::unavailable, 0, "", "closing"});

    EXPECT_EQ(bob.answer->error().failure, Failure::unavailable);
    EXPECT_EQ(ask("eve", 1min).answer->error().failure, Failure::unavailable);
    EXPECT_TRUE(queue_.check(ann.claim())) << "the lease itself goes on";
}

}  // namespace
}  // namespace vserd::hub
