// What every line promises, whatever is behind it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <thread>

#include "line_rig.hpp"
#include "port/device.hpp"
#include "support/pty.hpp"
#include "support/settings.hpp"

namespace vserd::line {
namespace {

constexpr Settings fast{4'000'000, {}};

class LineContract : public ::testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        rig_ = make_rig(GetParam());
        open();
    }
    void open(const Settings& settings = fast) {
        line_.reset();
        auto opened = port::open_line(rig_->device(), test::valid(settings));
        ASSERT_TRUE(opened) << opened.error().message;
        line_ = *std::move(opened);
    }
    void pass(std::string_view bytes) {
        test::write_all(line_->fd(), bytes);
        rig_->echo(bytes.size());
        ASSERT_EQ(test::read_exactly(line_->fd(), bytes.size()), bytes);
    }
    template <class Condition>
    static bool wait_until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + test::patience;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
        return true;
    }

    std::unique_ptr<LineRig> rig_;
    std::unique_ptr<Line> line_;
};

TEST_P(LineContract, HasTheKindThatItsDeviceStringSays) { EXPECT_EQ(line_->kind(), port::kind_of(rig_->device())); }

TEST_P(LineContract, DescriptorDoesNotBlockNorSurviveExec) {
    char byte = 0;

    EXPECT_NE(::fcntl(line_->fd(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(::fcntl(line_->fd(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(::read(line_->fd(), &byte, 1), -1);
    EXPECT_EQ(errno, EAGAIN);
}

TEST_P(LineContract, OpensWithTheSettingsAskedFor) {
    open({19200, {8, Parity::none, StopBits::two, FlowControl::none}});

    const auto settings = line_->read_back();

    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->baud, 19200U);
    EXPECT_EQ(settings->format.stop_bits, StopBits::two);
}

TEST_P(LineContract, TakesAnyBaudAndReadsItBack) {
    for (const std::uint32_t baud : {50, 300, 9600, 12345, 31250, 115200, 250000, 999999, 1500000, 4000000}) {
        const auto applied = line_->apply(test::valid({baud, {}}));

        ASSERT_TRUE(applied) << applied.error().message;
        EXPECT_EQ(applied->baud, baud);
        EXPECT_EQ(line_->read_back()->baud, baud);
    }
}

TEST_P(LineContract, TellsTheFormatThatIsInForce) {
    for (std::uint8_t data_bits = 5; data_bits <= 8; ++data_bits) {
        for (const auto parity : {Parity::none, Parity::odd, Parity::even, Parity::mark, Parity::space}) {
            for (const auto stop_bits : {StopBits::one, StopBits::two}) {
                const Format wanted{data_bits, parity, stop_bits, FlowControl::none};

                const auto applied = line_->apply(test::valid({9600, wanted}));

                ASSERT_TRUE(applied) << to_string(wanted) << ": " << applied.error().message;
                EXPECT_EQ(to_string(applied->format), to_string(rig_->in_force(wanted)));
                EXPECT_EQ(*line_->read_back(), *applied);
            }
        }
    }
}

TEST_P(LineContract, TakesOneAndAHalfStopBitsWithFiveDataBits) {
    const Format wanted{5, Parity::none, StopBits::one_and_half, FlowControl::none};

    const auto applied = line_->apply(test::valid({9600, wanted}));

    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_EQ(to_string(applied->format), to_string(rig_->in_force(wanted)));
}

TEST_P(LineContract, HasFlowControlOrSaysThatItHasNot) {
    for (const auto flow : {FlowControl::rts_cts, FlowControl::xon_xoff}) {
        const auto applied = line_->apply(test::valid({9600, {8, Parity::none, StopBits::one, flow}}));

        ASSERT_EQ(applied.has_value(), line_->capabilities().flow_control);
        if (applied) {
            EXPECT_EQ(applied->format.flow_control, flow);
        } else {
            EXPECT_EQ(applied.error().failure, Failure::unsupported);
            EXPECT_EQ(applied.error().subject, "flow_control");
        }
    }
}

TEST_P(LineContract, PassesEveryByteAsItIs) {
    std::string all;
    for (int value = 0; value < 256; ++value) all += static_cast<char>(value);

    pass(all);
    pass(std::string("\x03\x04\r\n\x11\x13\x1a\x1c\xff\xff\0\x7f", 12));
    pass(test::pattern(3000));
}

TEST_P(LineContract, HasModemSignalsOrSaysThatItHasNot) {
    const auto set = line_->set_signals({.dtr = false, .rts = true});

    ASSERT_EQ(set.has_value(), line_->capabilities().modem_signals);
    if (!set) {
        EXPECT_EQ(set.error().failure, Failure::unsupported);
        EXPECT_EQ(set.error().subject, "modem_signals");
        EXPECT_EQ(line_->status()->signals, Signals{});
        return;
    }
    EXPECT_FALSE(set->dtr);
    EXPECT_TRUE(set->rts);
    const auto other = line_->set_signals({.dtr = true});
    EXPECT_TRUE(other->dtr);
    EXPECT_TRUE(other->rts) << "an unset wire stays as it is";
    EXPECT_EQ(line_->status()->signals, *other);
}

TEST_P(LineContract, SendsABreakOrSaysThatItCannot) {
    const std::uint64_t before = line_->status()->errors.breaks;
    const auto began = line_->begin_break(std::chrono::milliseconds{20});

    ASSERT_EQ(began.has_value(), line_->capabilities().send_break);
    if (!began) {
        EXPECT_EQ(began.error().failure, Failure::unsupported);
        EXPECT_EQ(began.error().subject, "send_break");
        return;
    }
    EXPECT_TRUE(line_->end_break());
    if (line_->capabilities().error_counters) {
        EXPECT_TRUE(wait_until([&] { return line_->status()->errors.breaks == before + 1; }));
    }
    pass("after the break");
}

TEST_P(LineContract, NoticesThatAnotherProgramChangedTheSettings) {
    EXPECT_FALSE(line_->settings_changed());
    if (!line_->shares_settings()) return;
    termios modes{};
    ASSERT_EQ(::tcgetattr(line_->fd(), &modes), 0);
    ::cfsetspeed(&modes, B9600);
    ASSERT_EQ(::tcsetattr(line_->fd(), TCSANOW, &modes), 0);

    EXPECT_TRUE(line_->settings_changed());
    EXPECT_TRUE(line_->check_settings(/*restore=*/false));
    EXPECT_FALSE(line_->settings_changed());
}

TEST_P(LineContract, WithoutErrorsTheCountersStay) {
    const auto before = line_->status();
    pass("some bytes");
    const auto status = line_->status();

    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(status->errors, before->errors);
}

TEST_P(LineContract, FlushDiscardsWhatHasNotBeenRead) {
    test::write_all(line_->fd(), "stale");
    rig_->echo(5);
    ASSERT_TRUE(test::wait_for(line_->fd(), POLLIN));
    ASSERT_TRUE(wait_until([this] {
        int arrived_bytes = 0;
        if (::ioctl(line_->fd(), FIONREAD, &arrived_bytes) == 0) return arrived_bytes == 5;
        return line_->output_pending_bytes().value() == 0;  // a vser port: what has left has arrived
    }));

    ASSERT_TRUE(line_->capabilities().flush);
    const auto flushed = line_->flush(FlushDirection::both);

    ASSERT_TRUE(flushed) << flushed.error().message;
    pass("fresh");
}

TEST_P(LineContract, PendingOutputDrains) {
    test::write_all(line_->fd(), test::pattern(2000));

    EXPECT_TRUE(wait_until([this] { return line_->output_pending_bytes().value() == 0; }));
    rig_->echo(2000);
    EXPECT_EQ(test::read_exactly(line_->fd(), 2000), test::pattern(2000));
}

TEST_P(LineContract, OpensAgainAfterItWasClosed) {
    for (int i = 0; i < 3; ++i) {
        open();
        pass("again");
    }
}

TEST(VserLine, IsAmongTheLinesOfTheContract) {
    if (const auto why = why_no_vser(); !why.empty()) GTEST_SKIP() << why;
}

INSTANTIATE_TEST_SUITE_P(Lines, LineContract, ::testing::ValuesIn(line_kinds()),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd::line
