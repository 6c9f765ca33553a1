#include "net/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "net/probation.hpp"
#include "support/tcp_pair.hpp"

namespace vserd::net {
namespace {

using namespace std::chrono_literals;
using test::connect_pair;
using test::TcpPair;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

const Probation nobody;

std::optional<StreamCounts> no_streams(const std::string& /*peer*/) { return StreamCounts{}; }

CountStreams open_streams(std::uint64_t count) {
    return [count](const std::string& /*peer*/) { return StreamCounts{count, 0, 0}; };
}

/// Sends that much, and takes it at the other end.
void send_through(const TcpPair& pair, std::size_t bytes) {
    std::vector<char> buffer(64 << 10);
    while (bytes > 0) {
        const ssize_t sent = ::send(pair.client.get(), buffer.data(), std::min(bytes, buffer.size()), MSG_NOSIGNAL);
        ASSERT_GT(sent, 0);
        bytes -= static_cast<std::size_t>(sent);
        for (ssize_t left = sent; left > 0;)
            left -= ::recv(pair.server.get(), buffer.data(), static_cast<std::size_t>(left), 0);
    }
}

/// Whether the peer was told that the connection is over.
bool is_over(const TcpPair& pair) {
    char byte = 0;
    return ::recv(pair.client.get(), &byte, 1, MSG_DONTWAIT) == 0;
}

TEST(Admission, AnotherTicketOfACallCountsItsBytesButIsNoCall) {
    Admission admission(16 * mebibyte);
    auto call = admission.admit("unix:", call_bytes, 0);
    ASSERT_TRUE(call);
    const std::uint64_t before = admission.held_bytes();
    const auto calls = [&] { return admission.connections().find("unix:")->calls.load(); };
    {
        Ticket other = call->another();
        EXPECT_TRUE(other.grow(mebibyte));
        EXPECT_GT(admission.held_bytes(), before);
        Ticket moved = std::move(other);
        moved.shrink(mebibyte);
        EXPECT_EQ(admission.held_bytes(), before);
        EXPECT_TRUE(moved.grow(mebibyte));
        EXPECT_EQ(calls(), 1U);
    }
    EXPECT_EQ(admission.held_bytes(), before);
    EXPECT_EQ(calls(), 1U);
    call = Error{};
    EXPECT_EQ(calls(), 0U);
}

TEST(Admission, RefusesWhatIsBeyondTheMemoryForClientsAndNamesTheLimit) {
    Admission admission(16 * mebibyte);

    auto first = admission.admit("unix:", call_bytes, 7 * mebibyte);
    const auto second = admission.admit("unix:", call_bytes, 2 * mebibyte);

    ASSERT_TRUE(first);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().failure, Failure::exhausted);
    EXPECT_EQ(second.error().subject, "memory_max");
    EXPECT_EQ(admission.refused().front().count, 1U);
    *first = Ticket{};
    EXPECT_EQ(admission.held_bytes(), 0U);
    EXPECT_TRUE(admission.admit("unix:", call_bytes, 2 * mebibyte));
}

TEST(Admission, ATicketGivesBackWhatItGrewBy) {
    Admission admission(16 * mebibyte);
    {
        auto ticket = admission.admit("unix:", call_bytes, 0);
        EXPECT_TRUE(ticket->grow(mebibyte));
        EXPECT_FALSE(ticket->grow(16 * mebibyte));
        ticket->shrink(mebibyte / 2);
        EXPECT_EQ(admission.held_bytes(), call_bytes + mebibyte / 2 - prepaid_bytes);
    }
    EXPECT_EQ(admission.held_bytes(), 0U);
}

TEST(Admission, ACallThatWasLetInMaySendALittleHoweverFullTheServerIs) {
    Admission admission(16 * mebibyte);
    auto console = admission.admit("unix:", stream_bytes, 0);
    const auto rest = admission.admit("unix:", 0, 8 * mebibyte - stream_bytes);
    ASSERT_TRUE(console && rest);

    EXPECT_TRUE(console->grow(prepaid_bytes));
    EXPECT_FALSE(console->grow(1));
    console->shrink(prepaid_bytes);
    EXPECT_EQ(admission.held_bytes(), 8 * mebibyte);
}

TEST(Admission, CallsOfOneConnectionAreCountedApart) {
    Admission admission(1024 * mebibyte);
    const TcpPair one = connect_pair();
    const TcpPair other = connect_pair();
    admission.connections().add(one.server.get());
    admission.connections().add(other.server.get());
    std::vector<Ticket> calls;
    for (std::uint32_t i = 0; i < calls_per_connection_max; ++i)
        calls.push_back(std::move(*admission.admit(peer_name(one.server.get()), call_bytes, 0)));

    const auto too_many = admission.admit(peer_name(one.server.get()), call_bytes, 0);
    const auto elsewhere = admission.admit(peer_name(other.server.get()), call_bytes, 0);

    ASSERT_FALSE(too_many);
    EXPECT_EQ(too_many.error().subject, "calls_per_connection_max");
    EXPECT_TRUE(elsewhere);
}

TEST(Admission, AUserOfAnotherFaceHasOneEntryForAllConnections) {
    Admission admission(1024 * mebibyte);
    std::vector<Ticket> requests;
    for (std::uint32_t i = 0; i < calls_per_connection_max; ++i)
        requests.push_back(std::move(*admission.admit_user("web token:ann")));

    const auto too_many = admission.admit_user("web token:ann");
    const auto part = admission.admit_part("web token:ann", call_bytes);
    const auto other = admission.admit_user("web token:bob");

    ASSERT_FALSE(too_many);
    EXPECT_EQ(too_many.error().subject, "calls_per_user_max");
    EXPECT_TRUE(part);
    EXPECT_TRUE(other);
    requests.pop_back();
    EXPECT_TRUE(admission.admit_user("web token:ann"));
}

TEST(Admission, AUserOfAnotherFaceHoldsAtMostAQuarter) {
    Admission admission(16 * mebibyte);
    auto request = admission.admit_user("web token:ann");
    const auto call = admission.admit_part("web token:ann", mebibyte);
    ASSERT_TRUE(request && call);

    EXPECT_TRUE(request->grow(3 * mebibyte));
    EXPECT_FALSE(request->grow(mebibyte));
    const auto refused = admission.admit_part("web token:ann", mebibyte);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().subject, "memory_max");
    EXPECT_TRUE(admission.admit_part("web token:bob", 3 * mebibyte));
    EXPECT_EQ(admission.held_bytes(), 4 * mebibyte - prepaid_bytes);
    request = Ticket();
    EXPECT_EQ(admission.held_bytes(), mebibyte);
}

TEST(Connections, ClosesOneThatSendsMuchThatNoCallAccountsFor) {
    Connections connections;
    const TcpPair quiet = connect_pair();
    const TcpPair loud = connect_pair();
    connections.add(quiet.server.get());
    connections.add(loud.server.get());
    send_through(loud, 5 * mebibyte);

    const auto closed = connections.sweep(Clock::now(), 0, no_streams, nobody);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().abuse, Abuse::unexplained_bytes);
    EXPECT_EQ(closed.front().peer, peer_name(loud.server.get()));
    EXPECT_TRUE(is_over(loud));
    EXPECT_FALSE(is_over(quiet));
    EXPECT_EQ(connections.size(), 1U);
}

TEST(Connections, LetsOneBeWhoseLargeMessageIsUnderWayAndNotOneWhoseHeadersNeverEnd) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    send_through(pair, mebibyte);

    const auto with_call = connections.sweep(
        Clock::now(), 0,
        [](const std::string&) {
            return StreamCounts{1, 0, 0};
        },
        nobody);
    send_through(pair, 100'000);
    const auto without = connections.sweep(Clock::now(), 0, no_streams, nobody);

    EXPECT_TRUE(with_call.empty());
    ASSERT_EQ(without.size(), 1U);
    EXPECT_EQ(without.front().abuse, Abuse::unexplained_bytes);
}

TEST(Connections, LetsOneBeWhoseLargeMessageComesSlowly) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    const auto count = [](const std::string&) { return StreamCounts{1, 0, 0}; };

    for (int i = 0; i < 100; ++i) {
        send_through(pair, 10'000);
        EXPECT_TRUE(connections.sweep(Clock::now(), 0, count, nobody).empty()) << i;
    }
}

TEST(Connections, ClosesOneThatBeginsCallsAndResetsThem) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    auto now = Clock::now();
    StreamCounts counts;
    const auto sweep_after = [&](std::uint64_t resets) {
        counts.started = counts.failed += resets;
        send_through(pair, 20'000);
        return connections.sweep(
            now, 0, [&counts](const std::string&) { return counts; }, nobody);
    };

    const auto first = sweep_after(500);
    now += 10s;
    const auto ten_seconds_later = sweep_after(1000);
    const auto at_once = sweep_after(600);

    EXPECT_TRUE(first.empty());
    EXPECT_TRUE(ten_seconds_later.empty());
    ASSERT_EQ(at_once.size(), 1U);
    EXPECT_EQ(at_once.front().abuse, Abuse::resets);
    EXPECT_EQ(at_once.front().address, peer_address(pair.client.get()));
    EXPECT_TRUE(is_over(pair));
}

TEST(Connections, ClosesOneThatHasMoreCallsThanHttp2Allows) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    const auto sweep_with = [&](std::uint64_t open) {
        send_through(pair, 20'000);
        return connections.sweep(Clock::now(), 0, open_streams(open), nobody);
    };

    EXPECT_TRUE(sweep_with(1024).empty());
    const auto closed = sweep_with(calls_per_connection_max + 1);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().abuse, Abuse::resets);
}

TEST(Connections, AnAddressThatAbusedTheServerMayHaveFewerCallsUnderWay) {
    Admission admission(64 * mebibyte);
    Connections& connections = admission.connections();
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    Probation suspects;
    suspects.punish(peer_address(pair.client.get()), Clock::now());
    std::vector<Ticket> known;
    for (int i = 0; i < 100; ++i)
        known.push_back(std::move(*admission.admit(peer_name(pair.server.get()), call_bytes, 0)));
    const auto sweep_with = [&](std::uint64_t open, const Probation& offenders) {
        send_through(pair, 20'000);
        return connections.sweep(Clock::now(), 0, open_streams(open), offenders);
    };

    EXPECT_TRUE(sweep_with(500, nobody).empty());
    EXPECT_TRUE(sweep_with(100 + 256, suspects).empty());
    const auto closed = sweep_with(100 + 257, suspects);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().abuse, Abuse::resets);
    EXPECT_TRUE(is_over(pair));
}

TEST(Connections, AClientThatLeavesManyCallsBehindIsHeldToAccount) {
    Connections connections;
    TcpPair few = connect_pair();
    TcpPair many = connect_pair();
    connections.add(few.server.get());
    connections.add(many.server.get());
    const std::string flooder = peer_name(many.server.get());
    send_through(few, 5000);
    send_through(many, 5000);
    few.client = {};
    many.client = {};

    const auto closed = connections.sweep(
        Clock::now(), 0,
        [&](const std::string& peer) {
            return StreamCounts{peer == flooder ? 300U : 100U, 0, 0};
        },
        nobody);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().peer, flooder);
    EXPECT_EQ(closed.front().abuse, Abuse::resets);
}

TEST(Connections, ASlowStreamOfResetsIsCountedToo) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    auto now = Clock::now();
    StreamCounts counts;
    for (int tenths = 0; tenths < 20; ++tenths) {
        now += 100ms;
        counts.started = counts.failed += 200;
        send_through(pair, 200 * 30);
        if (!connections
                 .sweep(
                     now, 0, [&](const std::string&) { return counts; }, nobody)
                 .empty())
            return;
    }
    FAIL() << counts.failed << " resets in two seconds were not counted";
}

TEST(Connections, NobodyIsClosedBecauseOfCountsThatAreOld) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    send_through(pair, 20'000);
    auto now = Clock::now();
    ASSERT_TRUE(connections
                    .sweep(
                        now, 0,
                        [](const std::string&) {
                            return StreamCounts{300, 0, 300};
                        },
                        nobody)
                    .empty());
    Probation suspects;
    now += 60s;
    suspects.punish(peer_address(pair.client.get()), now);

    const auto later = connections.sweep(
        now, 0,
        [](const std::string&) {
            return StreamCounts{300, 0, 300};
        },
        suspects);
    const auto unknown = connections.sweep(
        now, 0, [](const std::string&) { return std::optional<StreamCounts>(); }, suspects);

    EXPECT_TRUE(later.empty());
    EXPECT_TRUE(unknown.empty());
}

TEST(Connections, WhereMemoryIsShortCallsThatHaveEndedDoNotCount) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    send_through(pair, 20'000);
    ASSERT_TRUE(connections.sweep(Clock::now(), 0, open_streams(1000), nobody).empty());

    const auto closed = connections.sweep(
        Clock::now(), mebibyte,
        [](const std::string&) {
            return StreamCounts{1000, 1000, 0};
        },
        nobody);

    EXPECT_TRUE(closed.empty());
}

TEST(StreamCounts, SumsThatAreTooLargeForAMomentAreNoOpenCalls) { EXPECT_EQ((StreamCounts{10, 6, 5}.open()), 0U); }

TEST(Connections, WhatWaitsToBeReadOfAClosedConnectionIsThrownAway) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    send_through(pair, 5 * mebibyte);
    const std::string unread(100'000, 'x');
    ASSERT_GT(::send(pair.client.get(), unread.data(), unread.size(), MSG_NOSIGNAL), 0);

    ASSERT_EQ(connections.sweep(Clock::now(), 0, no_streams, nobody).size(), 1U);

    char byte = 0;
    EXPECT_EQ(::recv(pair.server.get(), &byte, 1, MSG_DONTWAIT), 0);
}

TEST(Connections, LetsOneBeWhoseCallsAccountForWhatItSends) {
    Admission admission(64 * mebibyte);
    const TcpPair pair = connect_pair();
    admission.connections().add(pair.server.get());
    auto call = admission.admit(peer_name(pair.server.get()), stream_bytes, 0);
    ASSERT_TRUE(call);
    for (int message = 0; message < 40; ++message) {
        send_through(pair, mebibyte);
        call->received(mebibyte);
    }

    EXPECT_TRUE(admission.connections().sweep(Clock::now(), 0, no_streams, nobody).empty());
}

TEST(Connections, WhatComesSlowlyIsForgiven) {
    Connections connections;
    const TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    auto now = Clock::now();
    for (int minute = 0; minute < 20; ++minute) {
        send_through(pair, mebibyte);
        EXPECT_TRUE(connections.sweep(now += 60s, 0, no_streams, nobody).empty());
    }
}

TEST(Connections, WhereMemoryIsShortTheOneThatHoldsTheMostGoes) {
    Admission admission(64 * mebibyte);
    const TcpPair small = connect_pair();
    const TcpPair large = connect_pair();
    for (const TcpPair* pair : {&small, &large}) admission.connections().add(pair->server.get());
    auto little = admission.admit(peer_name(small.server.get()), call_bytes, 100'000);
    auto much = admission.admit(peer_name(large.server.get()), call_bytes, 10 * mebibyte);

    const auto closed = admission.connections().sweep(Clock::now(), 5 * mebibyte, no_streams, nobody);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().abuse, Abuse::memory);
    EXPECT_TRUE(is_over(large));
    EXPECT_FALSE(is_over(small));
}

TEST(Connections, CallsThatGrpcHasNotDeliveredCountAsMemory) {
    Connections connections;
    const TcpPair few = connect_pair();
    const TcpPair many = connect_pair();
    const std::string larger = peer_name(many.server.get());
    for (const TcpPair* pair : {&few, &many}) {
        connections.add(pair->server.get());
        send_through(*pair, 20'000);
    }

    const auto closed = connections.sweep(
        Clock::now(), mebibyte,
        [&](const std::string& peer) {
            return StreamCounts{peer == larger ? 200U : 20U, 0, 0};
        },
        nobody);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().abuse, Abuse::memory);
    EXPECT_TRUE(is_over(many));
}

TEST(Connections, ForgetsOneThatEnded) {
    Connections connections;
    TcpPair pair = connect_pair();
    connections.add(pair.server.get());
    ::shutdown(pair.server.get(), SHUT_RDWR);  // as gRPC does

    EXPECT_TRUE(connections.sweep(Clock::now(), 0, no_streams, nobody).empty());

    EXPECT_EQ(connections.size(), 0U);
}

}  // namespace
}  // namespace vserd::net
