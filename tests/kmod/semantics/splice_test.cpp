// Pipes and files to and from a port inside the kernel, and the counts of waiting bytes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "support/module.hpp"
#include "support/paced.hpp"
#include "support/unreadable.hpp"

namespace vserd::kmodtest {
namespace {

struct Pipe {
    Pipe() {
        int ends[2] = {-1, -1};
        if (::pipe2(ends, O_CLOEXEC) != 0) return;
        out = Fd{ends[0]};
        in = Fd{ends[1]};
    }
    Fd out;
    Fd in;
};

class Splice : public testing::Test {
protected:
    void TearDown() override { drain(nonblocking_.get()); }
    int count(unsigned long request) {
        int bytes = -1;
        EXPECT_EQ(::ioctl(port_.get(), request, &bytes), 0);
        return bytes;
    }

    Module module_{"pacing=0 ports=1 fifo_bytes=16384"};
    Fd port_ = open_port(0);
    Fd nonblocking_ = open_port(0, O_NONBLOCK);
    Pipe pipe_;
};

TEST_F(Splice, PortToPipeMovesWhatHasArrived) {
    for (const std::size_t size : {1u, 4095u, 4096u, 4097u, 10000u}) {
        const auto sent = pattern(size, static_cast<unsigned>(size));
        ASSERT_TRUE(write_all(port_.get(), sent));

        ASSERT_EQ(::splice(port_.get(), nullptr, pipe_.in.get(), nullptr, 16384, 0), static_cast<ssize_t>(size));

        EXPECT_EQ(read_exactly(pipe_.out.get(), size), sent);
    }
}

TEST_F(Splice, PortToPipeTakesNoMoreThanAskedFor) {
    ASSERT_TRUE(write_all(port_.get(), pattern(6000)));

    ASSERT_EQ(::splice(port_.get(), nullptr, pipe_.in.get(), nullptr, 5000, 0), 5000);

    EXPECT_EQ(read_exactly(pipe_.out.get(), 5000) + drain(nonblocking_.get()), pattern(6000));
}

TEST_F(Splice, FullPipeLosesNothing) {
    ASSERT_EQ(::fcntl(pipe_.in.get(), F_SETPIPE_SZ, 4096), 4096);
    ASSERT_TRUE(write_all(port_.get(), pattern(6000)));

    ASSERT_EQ(::splice(port_.get(), nullptr, pipe_.in.get(), nullptr, 6000, 0), 4096);
    EXPECT_EQ(::splice(port_.get(), nullptr, pipe_.in.get(), nullptr, 6000, SPLICE_F_NONBLOCK), -1);
    EXPECT_EQ(errno, EAGAIN);

    EXPECT_EQ(read_exactly(pipe_.out.get(), 4096) + drain(nonblocking_.get()), pattern(6000));
}

TEST_F(Splice, EmptyPortIsEagainWhereItMayNotWait) {
    EXPECT_EQ(::splice(port_.get(), nullptr, pipe_.in.get(), nullptr, 100, SPLICE_F_NONBLOCK), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(::splice(nonblocking_.get(), nullptr, pipe_.in.get(), nullptr, 100, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
}

TEST_F(Splice, EmptyPortIsWaitedFor) {
    std::atomic<pid_t> id = 0;
    ssize_t moved = 0;
    std::thread reader{[&] {
        id = thread_id();
        moved = ::splice(port_.get(), nullptr, pipe_.in.get(), nullptr, 100, 0);
    }};
    ASSERT_TRUE(eventually([&] { return id != 0; }));
    ASSERT_TRUE(blocked(id));

    ASSERT_EQ(::write(nonblocking_.get(), "now", 3), 3);
    reader.join();

    EXPECT_EQ(moved, 3);
    EXPECT_EQ(read_exactly(pipe_.out.get(), 3), "now");
}

TEST_F(Splice, PipeToPortArrives) {
    ASSERT_TRUE(write_all(pipe_.in.get(), pattern(9000)));

    ASSERT_EQ(::splice(pipe_.out.get(), nullptr, port_.get(), nullptr, 9000, 0), 9000);

    EXPECT_EQ(drain(nonblocking_.get()), pattern(9000));
}

TEST_F(Splice, SendfileToAPortArrives) {
    const Fd file{::memfd_create("vser", MFD_CLOEXEC)};
    ASSERT_TRUE(write_all(file.get(), pattern(12000)));
    off_t offset = 1000;

    ASSERT_EQ(::sendfile(port_.get(), file.get(), &offset, 10000), 10000);

    EXPECT_EQ(drain(nonblocking_.get()), pattern(12000).substr(1000, 10000));
}

TEST_F(Splice, CountsOfWaitingBytesAreATerminals) {
    const Unreadable memory;
    EXPECT_EQ(count(FIONREAD), 0);
    ASSERT_EQ(::write(port_.get(), "abc", 3), 3);

    EXPECT_EQ(count(FIONREAD), 3);
    EXPECT_EQ(count(TIOCOUTQ), 0);

    EXPECT_EQ(::ioctl(port_.get(), FIONREAD, memory.hole()), -1);
    EXPECT_EQ(errno, EFAULT);
}

class Drain : public testing::Test {
protected:
    void TearDown() override {
        __u32 both = VS_FLUSH_BOTH;
        ::ioctl(port_.get(), VS_FLUSH, &both);
    }
    void set_baud(__u32 baud) { ASSERT_EQ(::ioctl(port_.get(), VS_SET_BAUD, &baud), 0); }

    Module module_{"pacing=1 ports=1"};
    Fd port_ = open_port(0);
    Fd nonblocking_ = open_port(0, O_NONBLOCK);
};

TEST_F(Drain, WaitsUntilAllHasArrivedAndNotLonger) {
    EXPECT_EQ(::ioctl(port_.get(), VS_DRAIN), 0);
    const auto start = Clock::now();
    ASSERT_TRUE(write_all(port_.get(), pattern(500)));
    int bytes = 0;
    EXPECT_EQ(::ioctl(port_.get(), TIOCOUTQ, &bytes), 0);
    EXPECT_GT(bytes, 0);

    EXPECT_EQ(::ioctl(port_.get(), VS_DRAIN), 0);  // nobody reads

    EXPECT_GE(bytes_in(Clock::now() - start) + 1, 500u);
    EXPECT_EQ(::ioctl(port_.get(), TIOCOUTQ, &bytes), 0);
    EXPECT_EQ(bytes, 0);
}

TEST_F(Drain, DoesNotWaitOnANonBlockingDescriptor) {
    set_baud(50);
    ASSERT_EQ(::write(port_.get(), "slow", 4), 4);

    EXPECT_EQ(::ioctl(nonblocking_.get(), VS_DRAIN), -1);

    EXPECT_EQ(errno, EAGAIN);
}

TEST_F(Drain, FlushEndsIt) {
    set_baud(50);
    ASSERT_TRUE(write_all(port_.get(), pattern(1000)));  // 200 s
    std::atomic<pid_t> id = 0;
    int result = -1;
    std::thread waiter{[&] {
        id = thread_id();
        result = ::ioctl(port_.get(), VS_DRAIN);
    }};
    ASSERT_TRUE(eventually([&] { return id != 0; }));
    ASSERT_TRUE(blocked(id));
    const __u32 output = VS_FLUSH_OUTPUT;

    ASSERT_EQ(::ioctl(nonblocking_.get(), VS_FLUSH, &output), 0);

    waiter.join();
    EXPECT_EQ(result, 0);
}

TEST_F(Drain, RemovalEndsIt) {
    set_baud(50);
    ASSERT_TRUE(write_all(port_.get(), pattern(1000)));
    std::atomic<pid_t> id = 0;
    int error = 0;
    std::thread waiter{[&] {
        id = thread_id();
        if (::ioctl(port_.get(), VS_DRAIN) != 0) error = errno;
    }};
    ASSERT_TRUE(eventually([&] { return id != 0; }));
    ASSERT_TRUE(blocked(id));

    unbind(0);

    waiter.join();
    EXPECT_EQ(error, ENODEV);
}

}  // namespace
}  // namespace vserd::kmodtest
