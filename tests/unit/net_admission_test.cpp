#include "net/admission.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/fd.hpp"

namespace vserd::net {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// A TCP connection of this process with itself.
struct Pair {
    base::Fd client;
    base::Fd server;
};

Pair connect_pair() {
    const base::Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener.get(), 1);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    base::Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), size);
    return {std::move(client), base::Fd(::accept(listener.get(), nullptr, nullptr))};
}

/// Sends that much, and takes it at the other end.
void send_through(const Pair& pair, std::size_t bytes) {
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
bool is_over(const Pair& pair) {
    char byte = 0;
    return ::recv(pair.client.get(), &byte, 1, MSG_DONTWAIT) == 0;
}

TEST(Admission, RefusesWhatIsBeyondTheMemoryForClientsAndNamesTheLimit) {
    Admission admission(16 * mebibyte);

    auto first = admission.admit("unix:", call_bytes, 11 * mebibyte);
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
    const auto rest = admission.admit("unix:", 0, 12 * mebibyte - stream_bytes);
    ASSERT_TRUE(console && rest);

    EXPECT_TRUE(console->grow(prepaid_bytes));
    EXPECT_FALSE(console->grow(1));
    console->shrink(prepaid_bytes);
    EXPECT_EQ(admission.held_bytes(), 12 * mebibyte);
}

TEST(Admission, CallsOfOneConnectionAreCountedApart) {
    Admission admission(1024 * mebibyte);
    const Pair one = connect_pair();
    const Pair other = connect_pair();
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

TEST(Connections, ClosesOneThatSendsMuchThatNoCallAccountsFor) {
    Connections connections;
    const Pair quiet = connect_pair();
    const Pair loud = connect_pair();
    connections.add(quiet.server.get());
    connections.add(loud.server.get());
    send_through(loud, 5 * mebibyte);

    const auto closed = connections.sweep(Clock::now(), 0);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().abuse, Abuse::unexplained_bytes);
    EXPECT_EQ(closed.front().peer, peer_name(loud.server.get()));
    EXPECT_TRUE(is_over(loud));
    EXPECT_FALSE(is_over(quiet));
    EXPECT_EQ(connections.size(), 1U);
}

TEST(Connections, LetsOneBeWhoseCallsAccountForWhatItSends) {
    Admission admission(64 * mebibyte);
    const Pair pair = connect_pair();
    admission.connections().add(pair.server.get());
    auto call = admission.admit(peer_name(pair.server.get()), stream_bytes, 0);
    ASSERT_TRUE(call);
    for (int message = 0; message < 40; ++message) {
        send_through(pair, mebibyte);
        call->received(mebibyte);
    }

    EXPECT_TRUE(admission.connections().sweep(Clock::now(), 0).empty());
}

TEST(Connections, WhatComesSlowlyIsForgiven) {
    Connections connections;
    const Pair pair = connect_pair();
    connections.add(pair.server.get());
    auto now = Clock::now();
    for (int minute = 0; minute < 20; ++minute) {
        send_through(pair, mebibyte);
        EXPECT_TRUE(connections.sweep(now += 60s, 0).empty());
    }
}

TEST(Connections, WhereMemoryIsShortTheOneThatHoldsTheMostGoes) {
    Admission admission(64 * mebibyte);
    const Pair small = connect_pair();
    const Pair large = connect_pair();
    for (const Pair* pair : {&small, &large}) admission.connections().add(pair->server.get());
    auto little = admission.admit(peer_name(small.server.get()), call_bytes, 100'000);
    auto much = admission.admit(peer_name(large.server.get()), call_bytes, 10 * mebibyte);

    const auto closed = admission.connections().sweep(Clock::now(), 5 * mebibyte);

    ASSERT_EQ(closed.size(), 1U);
    EXPECT_EQ(closed.front().abuse, Abuse::memory);
    EXPECT_TRUE(is_over(large));
    EXPECT_FALSE(is_over(small));
}

TEST(Connections, ForgetsOneThatEnded) {
    Connections connections;
    Pair pair = connect_pair();
    connections.add(pair.server.get());
    ::shutdown(pair.server.get(), SHUT_RDWR);  // as gRPC does

    EXPECT_TRUE(connections.sweep(Clock::now(), 0).empty());

    EXPECT_EQ(connections.size(), 0U);
}

}  // namespace
}  // namespace vserd::net
