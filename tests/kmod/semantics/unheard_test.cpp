// Writing while nobody is bound at the other end: the bytes take their time, are lost and counted.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "support/module.hpp"
#include "support/paced.hpp"
#include "support/unreadable.hpp"

namespace vserd::kmodtest {
namespace {

constexpr std::size_t fifo_bytes = 4096;

TEST(Unheard, BadAddressIsEfaultAndABadEndIsAShortCount) {
    const Module module{"pacing=0 topology=pair ports=2"};
    const Fd port = open_port(0, O_NONBLOCK);
    const Unreadable memory;
    unbind(1);

    EXPECT_EQ(::write(port.get(), memory.hole(), 3), -1);
    EXPECT_EQ(errno, EFAULT);
    EXPECT_EQ(::write(port.get(), memory.before_hole(41), 100), 41);

    EXPECT_EQ(stats(port.get()).tx_bytes, 41u);
    EXPECT_EQ(stats(port.get()).dropped_bytes, 41u);
}

class PacedUnheard : public testing::Test {
protected:
    void SetUp() override { unbind(1); }
    int queued() {
        int bytes = -1;
        EXPECT_EQ(::ioctl(port_.get(), TIOCOUTQ, &bytes), 0);
        return bytes;
    }

    Module module_{"pacing=1 topology=pair ports=2"};
    Fd port_ = open_port(0, O_NONBLOCK);
    Fd blocking_ = open_port(0);
};

TEST_F(PacedUnheard, BytesTakeTheirTimeAndThenAreCounted) {
    const auto start = Clock::now();

    EXPECT_EQ(::write(port_.get(), pattern(10000).data(), 10000), static_cast<ssize_t>(fifo_bytes));
    EXPECT_GT(queued(), 0);
    EXPECT_EQ(::ioctl(blocking_.get(), VS_DRAIN), 0);

    EXPECT_GE(bytes_in(Clock::now() - start), fifo_bytes - 1);
    EXPECT_EQ(queued(), 0);
    EXPECT_EQ(stats(port_.get()).dropped_bytes, fifo_bytes);
}

TEST_F(PacedUnheard, BlockedWriterContinuesAsBytesAreLost) {
    const auto sent = pattern(fifo_bytes + 100);
    const auto start = Clock::now();

    EXPECT_EQ(::write(blocking_.get(), sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));

    EXPECT_GE(bytes_in(Clock::now() - start) + 1, 100u);
    EXPECT_EQ(wait_events(port_.get(), POLLOUT), POLLOUT);
}

TEST_F(PacedUnheard, NewListenerHearsNothingOfWhatWasSentBefore) {
    ASSERT_TRUE(write_all(port_.get(), pattern(1000)));

    bind(1);
    const Fd other = open_port(1, O_NONBLOCK);
    ASSERT_TRUE(write_all(port_.get(), "heard"));

    EXPECT_EQ(read_exactly(other.get(), 5), "heard");
    EXPECT_EQ(stats(port_.get()).dropped_bytes, 1000u);
}

TEST_F(PacedUnheard, BytesOnTheirWayToAPortThatIsUnboundAreLostAndCounted) {
    bind(1);
    open_port(1);
    const __u32 baud = 300;
    for (const int port : {0, 1}) ASSERT_EQ(::ioctl(open_port(port).get(), VS_SET_BAUD, &baud), 0);
    ASSERT_TRUE(write_all(port_.get(), pattern(100)));

    unbind(1);
    const int left = queued();
    const __u32 fast = 4000000;
    ASSERT_EQ(::ioctl(port_.get(), VS_SET_BAUD, &fast), 0);
    EXPECT_EQ(::ioctl(blocking_.get(), VS_DRAIN), 0);

    EXPECT_GT(left, 0);
    EXPECT_GE(stats(port_.get()).dropped_bytes, static_cast<unsigned>(left));
}

}  // namespace
}  // namespace vserd::kmodtest
