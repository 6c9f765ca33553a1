#include "rpc/request_inbox.hpp"

#include <gtest/gtest.h>

#include <string>

namespace vserd::rpc {
namespace {

v1::AttachRequest request_of(std::string bytes) {
    v1::AttachRequest request;
    request.set_data(std::move(bytes));
    return request;
}

TEST(RequestInbox, GivesRequestsInTheOrderTheyCame) {
    RequestInbox inbox;
    inbox.put(request_of("a"), 3);
    inbox.put(request_of("b"), 3);

    EXPECT_EQ(inbox.take().request->data(), "a");
    EXPECT_EQ(inbox.take().request->data(), "b");
    EXPECT_FALSE(inbox.take().request);
}

TEST(RequestInbox, StopsTheReadingWhenItHoldsEnoughAndResumesItOnce) {
    RequestInbox inbox;
    EXPECT_TRUE(inbox.put(request_of("small"), 7));
    EXPECT_FALSE(inbox.put(request_of(std::string(64 << 10, 'x')), (64 << 10) + 4));

    EXPECT_FALSE(inbox.take().read_on) << "the large one still fills it";
    EXPECT_TRUE(inbox.take().read_on);
    EXPECT_FALSE(inbox.take().read_on) << "a read is under way already";
}

TEST(RequestInbox, HoldsALimitedNumberOfEmptyRequests) {
    RequestInbox inbox;
    int held = 1;
    while (inbox.put(request_of(""), 0)) ASSERT_LT(++held, 1000);

    EXPECT_TRUE(inbox.take().read_on);
}

TEST(RequestInbox, AccountsForARequestUntilTheNextOneIsTaken) {
    net::Admission admission(std::uint64_t{16} << 20);
    auto ticket = admission.admit("unix:", 0, 0);
    RequestInbox inbox(*ticket);

    inbox.put(request_of(std::string(9000, 'x')), 9003);
    EXPECT_EQ(admission.held_bytes(), 9003U - net::prepaid_bytes);
    EXPECT_TRUE(inbox.take().request);
    EXPECT_EQ(admission.held_bytes(), 9003U - net::prepaid_bytes);
    EXPECT_FALSE(inbox.take().request);
    EXPECT_EQ(admission.held_bytes(), 0U);
}

TEST(RequestInbox, EndsWhereTheMemoryForClientsIsTaken) {
    net::Admission admission(std::uint64_t{16} << 20);
    auto ticket = admission.admit("unix:", 0, 0);
    auto other = admission.admit("unix:", 0, (std::size_t{8} << 20) - 100);
    ASSERT_TRUE(other);
    RequestInbox inbox(*ticket);

    EXPECT_TRUE(inbox.put(request_of("prepaid"), 9));
    EXPECT_FALSE(inbox.put(request_of(std::string(9000, 'x')), 9003));

    EXPECT_TRUE(inbox.take().request);
    EXPECT_EQ(inbox.take().end, RequestInbox::End::no_memory);
}

TEST(RequestInbox, TellsTheEndAfterWhatCameBeforeIt) {
    RequestInbox inbox;
    inbox.put(request_of("last"), 6);
    inbox.put_end(RequestInbox::End::ended);

    EXPECT_EQ(inbox.take().end, RequestInbox::End::open);
    EXPECT_EQ(inbox.take().end, RequestInbox::End::ended);
}

}  // namespace
}  // namespace vserd::rpc
