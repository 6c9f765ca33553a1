#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "vser/v1/console_service.pb.h"
#include "web/guard.hpp"
#include "web/tickets.hpp"
#include "web/window.hpp"

namespace vserd::web {
namespace {

using std::chrono::seconds;

hub::WireMessage message_of(const std::string& wire) {
    const auto owner = std::make_shared<std::string>(wire);
    return {{std::as_bytes(std::span(*owner))}, owner};
}

std::string data_response(std::uint64_t offset, std::size_t size) {
    ::vser::v1::AttachResponse response;
    response.mutable_data()->set_offset(offset);
    response.mutable_data()->set_bytes(std::string(size, 'x'));
    response.mutable_data()->mutable_receive_time()->set_seconds(1);
    return response.SerializeAsString();
}

TEST(Window, FindsTheBytesInAMessage) {
    const auto range = log_range_of(message_of(data_response(70'000, 300)));

    ASSERT_TRUE(range);
    EXPECT_EQ(range->begin, 70'000U);
    EXPECT_EQ(range->end, 70'300U);
    EXPECT_EQ(log_range_of(message_of(data_response(0, 1)))->end, 1U);
}

TEST(Window, MessagesWithoutBytesHaveNoRange) {
    ::vser::v1::AttachResponse gap;
    gap.mutable_gap()->set_to(5);

    EXPECT_FALSE(log_range_of(message_of(gap.SerializeAsString())));
    EXPECT_FALSE(log_range_of({}));
    EXPECT_FALSE(log_range_of(message_of("\x0a\xff\xff\xff\xff")));
}

TEST(Window, IsFullUntilTheClientAcknowledges) {
    Window window;
    window.sent({1000, 1000 + window_bytes - 1});
    EXPECT_FALSE(window.is_full());
    window.sent({1000 + window_bytes - 1, 1000 + window_bytes});
    EXPECT_TRUE(window.is_full());

    window.acknowledged(1001);
    EXPECT_FALSE(window.is_full());
}

TEST(Window, AcknowledgementsNeitherGoBackNorBeyondWhatWasSent) {
    Window window;
    window.sent({0, 100});
    window.acknowledged(std::uint64_t{1} << 60U);
    window.acknowledged(0);
    window.sent({100, 100 + window_bytes - 1});
    EXPECT_FALSE(window.is_full());
    window.sent({100 + window_bytes - 1, 100 + window_bytes});
    EXPECT_TRUE(window.is_full());
}

TEST(Window, AnAcknowledgementIsNothingButItsOffset) {
    ::vser::v1::AttachRequest request;
    request.set_acknowledged(300);
    const std::string wire = request.SerializeAsString();

    EXPECT_EQ(acknowledged_in(wire), 300U);
    EXPECT_FALSE(acknowledged_in(wire + wire));
    EXPECT_FALSE(acknowledged_in(wire.substr(0, 2)));
    request.set_data("x");
    EXPECT_FALSE(acknowledged_in(request.SerializeAsString()));
    EXPECT_FALSE(acknowledged_in(""));
}

TEST(Tickets, WorkOnceAndInTime) {
    Tickets tickets;
    const auto now = Tickets::Clock::now();
    const auto ticket = tickets.issue({.names = {"token:a"}}, now);
    const auto late = tickets.issue({}, now);
    ASSERT_TRUE(ticket && late);

    EXPECT_EQ(tickets.redeem(*ticket, now + ticket_limit - seconds{1})->names.front(), "token:a");
    EXPECT_FALSE(tickets.redeem(*ticket, now));
    EXPECT_FALSE(tickets.redeem(*late, now + ticket_limit));
}

TEST(Tickets, AreLimitedUntilTheyExpire) {
    Tickets tickets;
    const auto now = Tickets::Clock::now();
    for (std::size_t i = 0; i < tickets_max; ++i)
        ASSERT_TRUE(tickets.issue({.names = {"token:" + std::to_string(i)}}, now));

    EXPECT_FALSE(tickets.issue({.names = {"token:more"}}, now));
    EXPECT_TRUE(tickets.issue({.names = {"token:more"}}, now + ticket_limit));
}

TEST(Tickets, OfOneIdentityAreLimitedForTheOthersSake) {
    Tickets tickets;
    const auto now = Tickets::Clock::now();
    const auto first = tickets.issue({.names = {"token:a"}}, now);
    const auto others = tickets.issue({.names = {"token:b"}}, now);
    std::optional<std::string> last;
    for (std::size_t i = 1; i <= tickets_of_one_max; ++i)
        last = tickets.issue({.names = {"token:a"}}, now + seconds{1});

    EXPECT_FALSE(tickets.redeem(*first, now)) << "the oldest made room";
    EXPECT_TRUE(tickets.redeem(*others, now));
    EXPECT_TRUE(tickets.redeem(*last, now));
}

TEST(Guard, TakesThePortFromNamesAndAddresses) {
    EXPECT_EQ(without_port("[::1]:80"), "[::1]");
    EXPECT_EQ(without_port("[::1]"), "[::1]");
    EXPECT_EQ(without_port("a.example:80"), "a.example");
    EXPECT_EQ(without_port("a.example"), "a.example");
}

TEST(Guard, TheAddressOfTheConnectionIsAName) {
    const Guard guard({"0.0.0.0:8080"}, {});
    Request request{.headers = {{"host", "192.0.2.7:8080"}}};
    const Peer peer{.local_host = "192.0.2.7"};

    EXPECT_FALSE(guard.check_host(request, peer));
    request.headers.front().second = "192.0.2.8:8080";
    EXPECT_EQ(guard.check_host(request, peer)->status, 421U);
}

TEST(Guard, OriginsHaveTheSchemeOfTheConnection) {
    const Guard guard({"127.0.0.1:8080"}, {});
    const Request request{.headers = {{"host", "localhost:8080"}, {"origin", "https://localhost:8080"}}};

    EXPECT_TRUE(guard.check_origin(request, {}));
    EXPECT_FALSE(guard.check_origin(request, {.is_tls = true}));
}

}  // namespace
}  // namespace vserd::web
