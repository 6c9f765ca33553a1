// Injected damage, through sysfs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bitset>
#include <cerrno>

#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

class Faults : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void TearDown() override {
        for (const auto* name :
             {"inject_parity", "inject_frame", "inject_overrun", "bit_flip_ppm", "drop_ppm", "link_down", "ring"}) {
            set(name, "0");
        }
        drain(port_.get());
    }
    int set(const std::string& name, std::string_view value) { return set_sysfs(0, "faults/" + name, value); }
    std::string get(const std::string& name) { return get_sysfs(0, "faults/" + name); }
    std::string through_the_wire(const std::string& sent) {
        EXPECT_TRUE(write_all(port_.get(), sent));
        return drain(port_.get());
    }

    static Module* module;
    Fd port_ = open_port(0, O_NONBLOCK);
};
Module* Faults::module = nullptr;

TEST_F(Faults, InjectedParityErrorsDamageThatManyBytes) {
    const auto before = stats(port_.get()).parity_errors;
    ASSERT_EQ(set("inject_parity", "3"), 0);
    EXPECT_EQ(get("inject_parity"), "3");

    EXPECT_EQ(through_the_wire("@@@@@"), "AAA@@");

    EXPECT_EQ(stats(port_.get()).parity_errors - before, 3u);
    EXPECT_EQ(get("inject_parity"), "0");
}

TEST_F(Faults, InjectedFrameErrorsGarble) {
    const auto before = stats(port_.get()).frame_errors;
    ASSERT_EQ(set("inject_frame", "1"), 0);

    const auto got = through_the_wire("ab");

    EXPECT_NE(got[0], 'a');
    EXPECT_EQ(got[1], 'b');
    EXPECT_EQ(stats(port_.get()).frame_errors - before, 1u);
}

TEST_F(Faults, InjectedOverrunsLoseBytesAndCountThem) {
    const auto before = stats(port_.get());
    ASSERT_EQ(set("inject_overrun", "2"), 0);

    EXPECT_EQ(through_the_wire("abcd"), "cd");

    EXPECT_EQ(stats(port_.get()).overrun_errors - before.overrun_errors, 2u);
    EXPECT_EQ(stats(port_.get()).rx_bytes - before.rx_bytes, 2u);
}

TEST_F(Faults, InjectedBreaksAreReceived) {
    const auto before = stats(port_.get()).break_errors;

    ASSERT_EQ(set("inject_break", "3"), 0);

    EXPECT_EQ(stats(port_.get()).break_errors - before, 3u);
}

// One step however many: the lock is held meanwhile.
TEST_F(Faults, ManyBreaksAtOnceAreCountedAndAreOneChange) {
    vs_signals_wait before{};
    vs_signals_wait after{};
    ASSERT_EQ(::ioctl(port_.get(), VS_WAIT_SIGNALS, &before), 0);
    const auto counted = stats(port_.get()).break_errors;

    ASSERT_EQ(set("inject_break", "1000"), 0);

    EXPECT_EQ(stats(port_.get()).break_errors - counted, 1000u);
    ASSERT_EQ(::ioctl(port_.get(), VS_WAIT_SIGNALS, &after), 0);
    EXPECT_EQ(after.sequence, before.sequence + 1);
}

TEST_F(Faults, DropRateLosesAboutThatShare) {
    ASSERT_EQ(set("drop_ppm", "250000"), 0);
    const auto before = stats(port_.get()).dropped_bytes;
    std::size_t kept = 0;
    for (int round = 0; round < 20; ++round) kept += through_the_wire(std::string(2000, 'x')).size();

    EXPECT_NEAR(static_cast<double>(kept), 30000, 1000);
    EXPECT_EQ(stats(port_.get()).dropped_bytes - before, 40000 - kept);
}

TEST_F(Faults, BitFlipsChangeOneBitOfAboutThatShare) {
    ASSERT_EQ(set("bit_flip_ppm", "100000"), 0);
    std::size_t bits = 0;
    std::size_t bytes = 0;
    for (int round = 0; round < 20; ++round) {
        for (const char byte : through_the_wire(std::string(2000, '\0'))) {
            const auto flipped = std::bitset<8>(static_cast<unsigned char>(byte)).count();
            bits += flipped;
            bytes += flipped != 0;
        }
    }

    EXPECT_NEAR(static_cast<double>(bytes), 4000, 500);
    EXPECT_EQ(bits, bytes);
}

TEST_F(Faults, ParityBitNoticesFlippedBits) {
    const vs_ffmt even{8, VS_PARITY_EVEN, VS_STOP_BITS_1, 0};
    const vs_ffmt none{8, VS_PARITY_NONE, VS_STOP_BITS_1, 0};
    ASSERT_EQ(set("bit_flip_ppm", "1000000"), 0);
    ASSERT_EQ(::ioctl(port_.get(), VS_SET_FFMT, &even), 0);
    const auto before = stats(port_.get()).parity_errors;

    through_the_wire("abc");

    EXPECT_EQ(stats(port_.get()).parity_errors - before, 3u);
    ASSERT_EQ(::ioctl(port_.get(), VS_SET_FFMT, &none), 0);
}

TEST_F(Faults, LinkDownLosesBytesAndDropsTheModemLines) {
    ASSERT_EQ(set("link_down", "1"), 0);

    EXPECT_EQ(through_the_wire("gone"), "");
    EXPECT_EQ(signals(port_.get()), VS_SIGNALS_OUT);

    ASSERT_EQ(set("link_down", "0"), 0);
    EXPECT_EQ(through_the_wire("back"), "back");
}

TEST_F(Faults, FullRingHasRoomAgainAfterLosses) {
    ASSERT_EQ(set("drop_ppm", "1000000"), 0);

    EXPECT_TRUE(write_all(port_.get(), pattern(20000)));

    EXPECT_EQ(drain(port_.get()), "");
}

TEST_F(Faults, BadValuesAreEinvalAndReadOnlyFilesStaySo) {
    EXPECT_EQ(set("drop_ppm", "1000001"), EINVAL);
    EXPECT_EQ(set("drop_ppm", "-1"), EINVAL);
    EXPECT_EQ(set("inject_frame", "many"), EINVAL);
    EXPECT_EQ(set("inject_frame", "4294967296"), ERANGE);
    EXPECT_EQ(set("inject_break", "1001"), EINVAL);
    EXPECT_EQ(set("link_down", "maybe"), EINVAL);
    EXPECT_NE(set_sysfs(0, "stats/rx_bytes", "0"), 0);
}

}  // namespace
}  // namespace vserd::kmodtest
