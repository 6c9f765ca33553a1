// Bytes take the time that baud and format imply.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "support/module.hpp"
#include "support/paced.hpp"

namespace vserd::kmodtest {
namespace {

constexpr std::size_t fifo_bytes = 65536;

class Pacing : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=1 fifo_bytes=65536 ports=2"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void TearDown() override {
        set_sysfs(0, "faults/link_down", "0");
        set_sysfs(0, "faults/drop_ppm", "0");
        __u32 both = VS_FLUSH_BOTH;
        ::ioctl(port_.get(), VS_FLUSH, &both);
    }
    void set_line(__u32 baud, vs_ffmt format = {8, VS_PARITY_NONE, VS_STOP_BITS_1, 0}) {
        ASSERT_EQ(::ioctl(port_.get(), VS_SET_BAUD, &baud), 0);
        ASSERT_EQ(::ioctl(port_.get(), VS_SET_FFMT, &format), 0);
    }
    vs_queued queued() {
        vs_queued result{};
        ::ioctl(port_.get(), VS_GET_QUEUED, &result);
        return result;
    }
    void send_break(__u32 milliseconds) { ASSERT_EQ(::ioctl(port_.get(), VS_SEND_BREAK, &milliseconds), 0); }
    /// A moment at which the driver had just received so many bytes.
    struct Arrival {
        Clock::time_point time;
        std::size_t bytes = 0;
    };
    /// Bytes per second of one burst, between two arrivals of it that were seen almost as they happened; 0 if there were no
    /// two such. It fits the ring, so nobody who is slow on a busy machine can hold it up, and moments at which the machine
    /// stood still do not count.
    double rate(std::size_t bytes, std::chrono::duration<double> expected_time) {
        EXPECT_LE(bytes, fifo_bytes);
        EXPECT_TRUE(write_all(port_.get(), std::string(bytes, 'U')));
        Arrival first;
        Arrival last;
        auto looked_before = Clock::now();
        for (std::size_t seen = 0; seen < bytes;) {
            const auto looked = Clock::now();
            const std::size_t now = queued().input;
            const auto had_looked = Clock::now();
            // The last byte says only that the burst has ended, who knows when.
            if (now > seen && now < bytes && had_looked - looked_before < expected_time / 1000) {
                last = {had_looked, now};
                if (first.bytes == 0) first = last;
            }
            seen = now;
            looked_before = looked;
        }
        EXPECT_EQ(drain(port_.get()).size(), bytes);
        const std::chrono::duration<double> time = last.time - first.time;
        return time < expected_time / 2 ? 0 : static_cast<double>(last.bytes - first.bytes) / time.count();
    }

    static Module* module;
    Fd port_ = open_port(0, O_NONBLOCK);
};
Module* Pacing::module = nullptr;

struct Speed {
    __u32 baud;
    vs_ffmt format;
    double bits;  // on the wire for each byte
};

TEST_F(Pacing, RateOfABurstIsWithinOnePercent) {
    const Speed speeds[] = {{300, {8, VS_PARITY_NONE, VS_STOP_BITS_1, 0}, 10},
                            {9600, {7, VS_PARITY_EVEN, VS_STOP_BITS_1_5, 0}, 10.5},
                            {115200, {8, VS_PARITY_NONE, VS_STOP_BITS_2, 0}, 11},
                            {921600, {5, VS_PARITY_NONE, VS_STOP_BITS_1, 0}, 7},
                            {4000000, {8, VS_PARITY_NONE, VS_STOP_BITS_1, 0}, 10}};
    for (const auto& speed : speeds) {
        set_line(speed.baud, speed.format);
        const double expected = speed.baud / speed.bits;

        // A second, or as much of it as the ring holds. The best of a few, for the machine may stand still all the time.
        const auto bytes = std::min(static_cast<std::size_t>(expected) + 1, fifo_bytes);
        double best = 0;
        for (int attempt = 0; attempt < 8 && std::abs(best / expected - 1) > 0.01; ++attempt) {
            const double measured = rate(bytes, std::chrono::duration<double>{static_cast<double>(bytes) / expected});
            if (std::abs(measured / expected - 1) < std::abs(best / expected - 1)) best = measured;
        }

        EXPECT_NEAR(best / expected, 1, 0.01) << speed.baud << " baud: " << best << " of " << expected << " bytes/s";
        RecordProperty("rate_at_" + std::to_string(speed.baud), std::to_string(best / expected));
    }
}

TEST_F(Pacing, OneByteTakesItsTimeAndNotLess) {
    set_line(300);
    const auto start = Clock::now();

    ASSERT_EQ(::write(port_.get(), "x", 1), 1);
    EXPECT_EQ(drain(port_.get()), "");
    EXPECT_EQ(queued().output, 1u);
    EXPECT_EQ(read_exactly(port_.get(), 1), "x");

    EXPECT_GE(Clock::now() - start, std::chrono::microseconds{33000});
    EXPECT_EQ(queued().output, 0u);
}

TEST_F(Pacing, ReadTakesAllThatHasHadTheTimeToArrive) {
    set_line(115200);
    ASSERT_TRUE(write_all(port_.get(), pattern(2000)));
    const auto start = Clock::now();
    // From here on bytes are unread, and the wire has no need to hurry.
    ASSERT_TRUE(eventually([&] { return queued().input > 0; }));
    std::string taken;
    for (int i = 1; i <= 5; ++i) {
        while (Clock::now() - start < i * std::chrono::milliseconds{11}) {
        }
        const std::chrono::duration<double> passed = Clock::now() - start;

        taken += drain(port_.get());

        EXPECT_GE(static_cast<double>(taken.size()), std::min(passed.count() / byte_seconds - 1, 2000.0));
    }
    EXPECT_EQ(taken + read_exactly(port_.get(), 2000 - taken.size()), pattern(2000));
}

TEST_F(Pacing, PollSeesWhatReadWouldGive) {
    set_line(115200);
    for (int round = 0; round < 8; ++round) {
        ASSERT_TRUE(write_all(port_.get(), pattern(run_bytes)));
        // The driver itself looks after 4 ms.
        pass_until(Clock::now() + std::chrono::milliseconds{1});

        EXPECT_EQ(wait_events(port_.get(), POLLIN, 0), POLLIN) << "round " << round;

        EXPECT_EQ(read_exactly(port_.get(), run_bytes), pattern(run_bytes));
    }
}

TEST_F(Pacing, NewBaudAppliesToBytesStillOnTheWire) {
    set_line(50);  // 0.2 s a byte: 1000 bytes would take 200 s
    ASSERT_TRUE(write_all(port_.get(), pattern(1000)));

    set_line(4000000);

    EXPECT_EQ(read_exactly(port_.get(), 1000), pattern(1000));
}

TEST_F(Pacing, NewBaudDoesNotCountTimeThatPassedAtTheOldOne) {
    set_line(50);
    constexpr std::size_t size = 40000;  // 0.1 s at 4 Mbaud
    ASSERT_TRUE(write_all(port_.get(), pattern(size)));
    const auto written = Clock::now();
    ASSERT_TRUE(eventually([&] { return Clock::now() - written > std::chrono::milliseconds{150}; }));
    const auto before = read_exactly(port_.get(), queued().input);

    const auto start = Clock::now();
    set_line(4000000);
    EXPECT_EQ(before + read_exactly(port_.get(), size - before.size()), pattern(size));

    EXPECT_GE(Clock::now() - start, std::chrono::milliseconds{99});
}

TEST_F(Pacing, ByteAfterAFlushDoesNotWaitForTheTimerOfFlushedOnes) {
    std::chrono::duration<double> best{1};
    for (int attempt = 0; attempt < 4 && best.count() > 0.1; ++attempt) {
        set_line(50);
        ASSERT_EQ(::write(port_.get(), "x", 1), 1);  // 0.2 s
        __u32 output = VS_FLUSH_OUTPUT;
        ASSERT_EQ(::ioctl(port_.get(), VS_FLUSH, &output), 0);
        set_line(4000000);

        const auto start = Clock::now();
        ASSERT_EQ(::write(port_.get(), "y", 1), 1);
        EXPECT_EQ(read_exactly(port_.get(), 1), "y");
        best = std::min<std::chrono::duration<double>>(best, Clock::now() - start);
    }

    EXPECT_LT(best.count(), 0.1);
}

TEST_F(Pacing, BreakHoldsTheWireAndEndsByItself) {
    set_line(115200);
    signals(port_.get());
    const auto start = Clock::now();
    send_break(300);
    EXPECT_NE(signals(port_.get()) & VS_SIGNAL_BREAK, 0u);
    ASSERT_EQ(::write(port_.get(), "after", 5), 5);

    EXPECT_EQ(read_exactly(port_.get(), 5), "after");

    EXPECT_GE(Clock::now() - start, std::chrono::milliseconds{300});
    EXPECT_EQ(signals(port_.get()) & VS_SIGNAL_BREAK, 0u);
}

TEST_F(Pacing, FlushOutputDiscardsWhatHasNotCrossed) {
    set_line(50);
    ASSERT_TRUE(write_all(port_.get(), pattern(1000)));
    __u32 output = VS_FLUSH_OUTPUT;

    ASSERT_EQ(::ioctl(port_.get(), VS_FLUSH, &output), 0);

    EXPECT_EQ(queued().output, 0u);
    const auto crossed = drain(port_.get());
    EXPECT_EQ(crossed, pattern(1000).substr(0, crossed.size()));
    set_line(4000000);
    ASSERT_EQ(::write(port_.get(), "end", 3), 3);
    EXPECT_EQ(read_exactly(port_.get(), 3), "end");
}

TEST_F(Pacing, FlushInputDiscardsAllThatHasHadTheTimeToArrive) {
    set_line(115200);
    const auto sent = pattern(run_bytes);
    for (int round = 0; round < 4; ++round) {
        const auto start = Clock::now();
        ASSERT_TRUE(write_all(port_.get(), sent));
        const auto written = Clock::now();
        pass_until(written + between_looks);
        const auto arrived_least = std::min(bytes_in(Clock::now() - written), run_bytes);
        __u32 input = VS_FLUSH_INPUT;

        ASSERT_EQ(::ioctl(port_.get(), VS_FLUSH, &input), 0);

        const auto arrived_most = bytes_in(Clock::now() - start);
        ASSERT_TRUE(eventually([&] { return queued().output == 0; }));
        const auto left = drain(port_.get());
        EXPECT_LE(left.size() + arrived_least, run_bytes + 1);
        EXPECT_GE(left.size() + arrived_most, run_bytes);
        EXPECT_EQ(left, sent.substr(run_bytes - left.size()));
    }
}

TEST_F(Pacing, NewFaultsTakeNothingThatHasArrived) {
    set_line(115200);
    const auto sent = pattern(run_bytes);
    for (int round = 0; round < 8; ++round) {
        const std::string fault = round % 2 == 0 ? "faults/link_down" : "faults/drop_ppm";
        ASSERT_TRUE(write_all(port_.get(), sent));
        const auto written = Clock::now();
        pass_until(written + between_looks);
        const auto arrived_least = std::min(bytes_in(Clock::now() - written), run_bytes);

        ASSERT_EQ(set_sysfs(0, fault, round % 2 == 0 ? "1" : "1000000"), 0);

        ASSERT_TRUE(eventually([&] { return queued().output == 0; }));
        const auto kept = drain(port_.get());
        EXPECT_GE(kept.size() + 1, arrived_least) << fault;
        EXPECT_EQ(kept, sent.substr(0, kept.size())) << fault;
        ASSERT_EQ(set_sysfs(0, fault, "0"), 0);
    }
}

TEST_F(Pacing, OutageLosesTheBytesOfItsTime) {
    set_line(115200);
    ASSERT_TRUE(write_all(port_.get(), pattern(20000)));  // 1.7 s
    for (int outage = 0; outage < 10; ++outage) {
        const auto lost_before = stats(port_.get()).dropped_bytes;
        const auto start = Clock::now();
        ASSERT_EQ(set_sysfs(0, "faults/link_down", "1"), 0);
        const auto down = Clock::now();
        pass_until(down + std::chrono::milliseconds{5});
        const auto least = bytes_in(Clock::now() - down);

        ASSERT_EQ(set_sysfs(0, "faults/link_down", "0"), 0);

        const auto most = bytes_in(Clock::now() - start);
        const auto lost = stats(port_.get()).dropped_bytes - lost_before;
        if (queued().output == 0) break;  // the machine stood still for longer than the run
        EXPECT_GE(lost + 1, least);
        EXPECT_LE(lost, most + 1);
    }
}

TEST_F(Pacing, TimeInWhichTheWireWasIdleCarriesNoByte) {
    set_line(4000000);
    constexpr double each = 2.5e-6;
    const auto sent = pattern(1000);
    __u32 both = VS_FLUSH_BOTH;
    for (int attempt = 0; attempt < 2000; ++attempt) {
        // The end of this byte is told by an interrupt that may be late.
        ASSERT_EQ(::write(port_.get(), "x", 1), 1);
        pass_until(Clock::now() + std::chrono::microseconds{attempt % 100});
        const auto start = Clock::now();

        ASSERT_TRUE(write_all(port_.get(), sent));

        const auto arrived = queued().input;
        ASSERT_LE(arrived, 1 + bytes_in(Clock::now() - start, each) + 1) << "attempt " << attempt;
        ASSERT_EQ(::ioctl(port_.get(), VS_FLUSH, &both), 0);
    }
}

}  // namespace
}  // namespace vserd::kmodtest
