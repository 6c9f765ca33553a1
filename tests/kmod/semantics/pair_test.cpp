// The null-modem: ports 2k and 2k+1 hear each other.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "support/module.hpp"
#include "support/paced.hpp"

namespace vserd::kmodtest {
namespace {

class Pair : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0 topology=pair"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void TearDown() override {
        drain(left_.get());
        drain(right_.get());
    }
    static void set_baud(const Fd& port, __u32 baud) { ASSERT_EQ(::ioctl(port.get(), VS_SET_BAUD, &baud), 0); }

    static Module* module;
    Fd left_ = open_port(0, O_NONBLOCK);
    Fd right_ = open_port(1, O_NONBLOCK);
};
Module* Pair::module = nullptr;

TEST_F(Pair, EachEndHearsTheOtherAndNotItself) {
    ASSERT_EQ(::write(left_.get(), "ping", 4), 4);
    ASSERT_EQ(::write(right_.get(), "pong", 4), 4);

    EXPECT_EQ(drain(left_.get()), "pong");
    EXPECT_EQ(drain(right_.get()), "ping");
}

TEST_F(Pair, OtherPairsHearNothing) {
    const Fd third = open_port(2, O_NONBLOCK);

    ASSERT_EQ(::write(left_.get(), "x", 1), 1);

    EXPECT_EQ(drain(third.get()), "");
}

TEST_F(Pair, FullPeerStopsTheSenderUntilItReads) {
    ASSERT_TRUE(write_all(left_.get(), pattern(4096)));
    EXPECT_EQ(wait_events(left_.get(), POLLOUT, 0), 0);

    EXPECT_EQ(drain(right_.get()), pattern(4096));

    EXPECT_EQ(wait_events(left_.get(), POLLOUT), POLLOUT);
}

TEST_F(Pair, BothDirectionsRunAtOnce) {
    constexpr std::size_t size = 200000;
    std::string heard_left;
    std::string heard_right;
    std::thread threads[] = {std::thread{[&] { write_all(left_.get(), pattern(size, 1)); }},
                             std::thread{[&] { write_all(right_.get(), pattern(size, 2)); }},
                             std::thread{[&] { heard_left = read_exactly(left_.get(), size); }},
                             std::thread{[&] { heard_right = read_exactly(right_.get(), size); }}};
    for (auto& thread : threads) thread.join();

    EXPECT_EQ(heard_right, pattern(size, 1));
    EXPECT_EQ(heard_left, pattern(size, 2));
}

TEST_F(Pair, WiresAreCrossed) {
    EXPECT_EQ(signals(left_.get()), VS_SIGNAL_DTR | VS_SIGNAL_RTS | VS_SIGNAL_CTS | VS_SIGNAL_DSR | VS_SIGNAL_DCD);

    const vs_signals_set drop_dtr{VS_SIGNAL_DTR, 0};
    ASSERT_EQ(::ioctl(right_.get(), VS_SET_SIGNALS, &drop_dtr), 0);
    EXPECT_EQ(signals(left_.get()), VS_SIGNAL_DTR | VS_SIGNAL_RTS | VS_SIGNAL_CTS);

    right_.reset();
    EXPECT_TRUE(eventually([&] { return signals(left_.get()) == VS_SIGNALS_OUT; }));
    right_ = open_port(1, O_NONBLOCK);
}

TEST_F(Pair, BreakIsReceivedByTheOtherEnd) {
    const auto before = stats(right_.get()).break_errors;
    const __u32 milliseconds = 10;

    ASSERT_EQ(::ioctl(left_.get(), VS_SEND_BREAK, &milliseconds), 0);

    EXPECT_EQ(stats(right_.get()).break_errors, before + 1);
    EXPECT_EQ(stats(left_.get()).break_errors, 0u);
}

TEST_F(Pair, MismatchOfBaudGarblesAndCountsFrameErrors) {
    const auto before = stats(right_.get());
    set_baud(right_, 9600);

    ASSERT_EQ(::write(left_.get(), "hello", 5), 5);
    const auto got = drain(right_.get());

    EXPECT_EQ(got.size(), 5u);
    EXPECT_NE(got, "hello");
    EXPECT_EQ(stats(right_.get()).frame_errors - before.frame_errors, 5u);
    set_baud(right_, 115200);
    ASSERT_EQ(::write(left_.get(), "hello", 5), 5);
    EXPECT_EQ(drain(right_.get()), "hello");
}

TEST_F(Pair, MismatchOfFormatGarblesToo) {
    const vs_ffmt even{8, VS_PARITY_EVEN, VS_STOP_BITS_1, 0};
    const vs_ffmt none{8, VS_PARITY_NONE, VS_STOP_BITS_1, 0};
    const auto before = stats(right_.get()).frame_errors;
    ASSERT_EQ(::ioctl(right_.get(), VS_SET_FFMT, &even), 0);

    ASSERT_EQ(::write(left_.get(), "hello", 5), 5);

    EXPECT_NE(drain(right_.get()), "hello");
    EXPECT_EQ(stats(right_.get()).frame_errors - before, 5u);
    ASSERT_EQ(::ioctl(right_.get(), VS_SET_FFMT, &none), 0);
}

TEST_F(Pair, SevenDataBitsCarrySevenBits) {
    const vs_ffmt seven{7, VS_PARITY_NONE, VS_STOP_BITS_1, 0};
    const vs_ffmt eight{8, VS_PARITY_NONE, VS_STOP_BITS_1, 0};
    for (const auto* port : {&left_, &right_}) ASSERT_EQ(::ioctl(port->get(), VS_SET_FFMT, &seven), 0);

    ASSERT_EQ(::write(left_.get(), "\xc1", 1), 1);

    EXPECT_EQ(drain(right_.get()), "A");
    for (const auto* port : {&left_, &right_}) ASSERT_EQ(::ioctl(port->get(), VS_SET_FFMT, &eight), 0);
}

TEST_F(Pair, WithTheOtherEndUnboundBytesVanishAndAreCounted) {
    ASSERT_TRUE(write_all(left_.get(), pattern(4096)));  // full
    unbind(1);

    EXPECT_EQ(wait_events(left_.get(), POLLOUT), POLLOUT);
    EXPECT_EQ(::write(left_.get(), "void", 4), 4);
    EXPECT_EQ(stats(left_.get()).dropped_bytes, 4u);
    EXPECT_EQ(signals(left_.get()), VS_SIGNALS_OUT);

    bind(1);
    right_ = open_port(1, O_NONBLOCK);
    ASSERT_EQ(::write(left_.get(), "back", 4), 4);
    EXPECT_EQ(read_exactly(right_.get(), 4), "back");
}

class PacedPair : public testing::Test {
protected:
    /// Sends a run to the right and returns in the middle of it: so many bytes have arrived, or one less.
    std::size_t send_part_of_a_run() {
        EXPECT_TRUE(write_all(left_.get(), pattern(run_bytes)));
        const auto written = Clock::now();
        pass_until(written + between_looks);
        return std::min(bytes_in(Clock::now() - written), run_bytes);
    }

    Module module_{"pacing=1 topology=pair ports=2"};
    Fd left_ = open_port(0, O_NONBLOCK);
    Fd right_ = open_port(1, O_NONBLOCK);
};

TEST_F(PacedPair, FlushingBothDiscardsWhatHasArrivedAndLetsTheRestCome) {
    const __u32 both = VS_FLUSH_BOTH;
    for (int round = 0; round < 8; ++round) {
        const auto arrived = send_part_of_a_run();

        ASSERT_EQ(::ioctl(right_.get(), VS_FLUSH, &both), 0);

        ASSERT_TRUE(eventually([&] {
            vs_queued queued{};
            return ::ioctl(left_.get(), VS_GET_QUEUED, &queued) == 0 && queued.output == 0;
        }));
        const auto rest = drain(right_.get());
        EXPECT_LE(rest.size() + arrived, run_bytes + 1);
        EXPECT_EQ(rest, pattern(run_bytes).substr(run_bytes - rest.size()));
    }
}

TEST_F(PacedPair, BytesThatCrossedBeforeTheSenderWasUnboundCrossedWithItsSettings) {
    const __u32 baud = 9600;
    const __u32 output = VS_FLUSH_OUTPUT;
    ASSERT_EQ(::ioctl(right_.get(), VS_SET_BAUD, &baud), 0);
    for (int round = 0; round < 8; ++round) {
        const auto before = stats(right_.get()).frame_errors;
        const auto arrived = send_part_of_a_run();

        unbind(0);

        EXPECT_GE(stats(right_.get()).frame_errors - before + 1, arrived);
        bind(0);
        left_ = open_port(0, O_NONBLOCK);
        ASSERT_EQ(::ioctl(left_.get(), VS_FLUSH, &output), 0);
    }
}

}  // namespace
}  // namespace vserd::kmodtest
