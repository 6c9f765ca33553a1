// Asynchronous notification: fasync, F_SETOWN, F_SETSIG.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ctime>

#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {
namespace {

volatile sig_atomic_t sigio_count = 0;

class Sigio : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void SetUp() override {
        ::sigemptyset(&set_);
        ::sigaddset(&set_, SIGRTMIN + 1);
        ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
    }
    void TearDown() override {
        ::fcntl(port_.get(), F_SETFL, O_NONBLOCK);
        siginfo_t info{};
        const timespec none{0, 0};
        while (::sigtimedwait(&set_, &info, &none) > 0) continue;
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        drain(port_.get());
    }

    void ask_for_signals() {
        ASSERT_EQ(::fcntl(port_.get(), F_SETOWN, ::getpid()), 0);
        ASSERT_EQ(::fcntl(port_.get(), F_SETSIG, SIGRTMIN + 1), 0);
        ASSERT_EQ(::fcntl(port_.get(), F_SETFL, O_ASYNC | O_NONBLOCK), 0);
    }
    /// The next signal's details; si_signo 0 when none comes in time.
    siginfo_t next_signal(int seconds) {
        siginfo_t info{};
        const timespec time{seconds, 0};
        if (::sigtimedwait(&set_, &info, &time) < 0) info.si_signo = 0;
        return info;
    }

    static Module* module;
    Fd port_ = open_port(0, O_NONBLOCK);
    sigset_t set_{};
    sigset_t before_{};
};
Module* Sigio::module = nullptr;

TEST_F(Sigio, ArrivalTellsDescriptorAndBand) {
    ask_for_signals();

    ASSERT_EQ(::write(port_.get(), "x", 1), 1);
    const auto info = next_signal(deadline_seconds);

    ASSERT_EQ(info.si_signo, SIGRTMIN + 1);
    EXPECT_EQ(info.si_fd, port_.get());
    EXPECT_EQ(info.si_code, POLL_IN);
    EXPECT_NE(info.si_band & POLLIN, 0);
}

TEST_F(Sigio, RoomAfterFullTellsPollOut) {
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    ask_for_signals();

    drain(port_.get());
    const auto info = next_signal(deadline_seconds);

    ASSERT_EQ(info.si_signo, SIGRTMIN + 1);
    EXPECT_EQ(info.si_code, POLL_OUT);
    EXPECT_NE(info.si_band & POLLOUT, 0);
}

TEST_F(Sigio, RoomThatAWaitingRequestTakesIsNoNews) {
    const Fd blocking = open_port(0);
    AioContext aio;
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    auto request = aio_request(IOCB_CMD_PWRITE, blocking.get(), pattern(300).data(), 300);
    ASSERT_EQ(aio.submit(request), 1);
    ask_for_signals();
    char byte = 0;

    ASSERT_EQ(::read(port_.get(), &byte, 1), 1);

    for (auto info = next_signal(0); info.si_signo != 0; info = next_signal(0)) EXPECT_NE(info.si_code, POLL_OUT);
    ::ioctl(blocking.get(), VS_CANCEL_ASYNC);
}

TEST_F(Sigio, ChangedModemLineTellsPollPri) {
    ask_for_signals();

    ASSERT_EQ(set_sysfs(0, "faults/ring", "1"), 0);
    const auto info = next_signal(deadline_seconds);

    ASSERT_EQ(info.si_signo, SIGRTMIN + 1);
    EXPECT_EQ(info.si_code, POLL_PRI);
    EXPECT_NE(info.si_band & POLLPRI, 0);
    ASSERT_EQ(set_sysfs(0, "faults/ring", "0"), 0);
}

TEST_F(Sigio, TurnedOffMeansSilence) {
    ask_for_signals();
    ASSERT_EQ(::fcntl(port_.get(), F_SETFL, O_NONBLOCK), 0);

    ASSERT_EQ(::write(port_.get(), "x", 1), 1);

    EXPECT_EQ(next_signal(0).si_signo, 0);
}

TEST_F(Sigio, ClosedDescriptorLeavesTheList) {
    ask_for_signals();
    port_.reset();
    port_ = open_port(0, O_NONBLOCK);

    ASSERT_EQ(::write(port_.get(), "x", 1), 1);

    EXPECT_EQ(next_signal(0).si_signo, 0);
}

// The sequence of every textbook: open, F_SETOWN, O_ASYNC, handler, read.
TEST_F(Sigio, ClassicSequenceWorks) {
    struct sigaction action {};
    struct sigaction old {};
    action.sa_handler = [](int) { sigio_count = sigio_count + 1; };
    ::sigaction(SIGIO, &action, &old);
    sigio_count = 0;
    const Fd reader = open_port(0);
    ASSERT_EQ(::fcntl(reader.get(), F_SETOWN, ::getpid()), 0);
    ASSERT_EQ(::fcntl(reader.get(), F_SETFL, ::fcntl(reader.get(), F_GETFL) | O_ASYNC), 0);

    ASSERT_EQ(::write(port_.get(), "hello", 5), 5);

    EXPECT_TRUE(eventually([] { return sigio_count > 0; }));
    EXPECT_EQ(read_exactly(reader.get(), 5), "hello");
    ::fcntl(reader.get(), F_SETFL, 0);
    ::sigaction(SIGIO, &old, nullptr);
}

}  // namespace
}  // namespace vserd::kmodtest
