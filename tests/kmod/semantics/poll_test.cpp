// poll, select and epoll.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

class Poll : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    void TearDown() override { drain(port_.get()); }

    static Module* module;
    Fd port_ = open_port(0, O_NONBLOCK);
};
Module* Poll::module = nullptr;

short events_now(int fd) {
    pollfd entry{fd, POLLIN | POLLOUT | POLLPRI, 0};
    ::poll(&entry, 1, 0);
    return entry.revents;
}

class Epoll {
public:
    Epoll(int fd, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        ::epoll_ctl(set_.get(), EPOLL_CTL_ADD, fd, &event);
    }
    /// The events, or 0 when none come within the time.
    std::uint32_t wait(int milliseconds) {
        epoll_event event{};
        return ::epoll_wait(set_.get(), &event, 1, milliseconds) == 1 ? event.events : 0;
    }

private:
    Fd set_{::epoll_create1(EPOLL_CLOEXEC)};
};

TEST_F(Poll, LevelsFollowTheRing) {
    EXPECT_EQ(events_now(port_.get()), POLLOUT);

    ASSERT_EQ(::write(port_.get(), "x", 1), 1);
    EXPECT_EQ(events_now(port_.get()), POLLIN | POLLOUT);

    ASSERT_TRUE(write_all(port_.get(), pattern(4095)));
    EXPECT_EQ(events_now(port_.get()), POLLIN);

    drain(port_.get());
    EXPECT_EQ(events_now(port_.get()), POLLOUT);
}

TEST_F(Poll, PollWakesForArrivalAndForRoom) {
    std::atomic<short> in = 0;
    std::atomic<pid_t> id = 0;
    std::thread waiter{[&] {
        id = thread_id();
        in = wait_events(port_.get(), POLLIN);
    }};
    ASSERT_TRUE(eventually([&] { return id != 0; }));
    ASSERT_TRUE(blocked(id));
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    waiter.join();
    EXPECT_EQ(in, POLLIN);

    std::atomic<short> out = 0;
    id = 0;
    waiter = std::thread{[&] {
        id = thread_id();
        out = wait_events(port_.get(), POLLOUT);
    }};
    ASSERT_TRUE(eventually([&] { return id != 0; }));
    ASSERT_TRUE(blocked(id));
    char byte = 0;
    ASSERT_EQ(::read(port_.get(), &byte, 1), 1);
    waiter.join();
    EXPECT_EQ(out, POLLOUT);
}

TEST_F(Poll, SelectSeesReadableAndWritable) {
    fd_set in;
    fd_set out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(port_.get(), &in);
    FD_SET(port_.get(), &out);
    timeval none{0, 0};
    ASSERT_EQ(::select(port_.get() + 1, &in, &out, nullptr, &none), 1);
    EXPECT_FALSE(FD_ISSET(port_.get(), &in));
    EXPECT_TRUE(FD_ISSET(port_.get(), &out));

    ASSERT_EQ(::write(port_.get(), "x", 1), 1);

    FD_ZERO(&in);
    FD_SET(port_.get(), &in);
    timeval wait{deadline_seconds, 0};
    ASSERT_EQ(::select(port_.get() + 1, &in, nullptr, nullptr, &wait), 1);
    EXPECT_TRUE(FD_ISSET(port_.get(), &in));
}

TEST_F(Poll, EdgeTriggeredEpollReportsEachArrivalOnce) {
    Epoll set{port_.get(), EPOLLIN | EPOLLET};
    EXPECT_EQ(set.wait(0), 0u);

    for (int round = 0; round < 3; ++round) {
        ASSERT_EQ(::write(port_.get(), "x", 1), 1);
        EXPECT_EQ(set.wait(deadline_seconds * 1000), static_cast<std::uint32_t>(EPOLLIN));
        EXPECT_EQ(set.wait(0), 0u);
    }
}

TEST_F(Poll, EdgeTriggeredEpollReportsRoomAfterFull) {
    Epoll set{port_.get(), EPOLLOUT | EPOLLET};
    EXPECT_EQ(set.wait(0), static_cast<std::uint32_t>(EPOLLOUT));
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    EXPECT_EQ(set.wait(0), 0u);

    drain(port_.get());

    EXPECT_EQ(set.wait(deadline_seconds * 1000), static_cast<std::uint32_t>(EPOLLOUT));
}

TEST_F(Poll, WakeUpsAreKeyed) {
    Epoll readers{port_.get(), EPOLLIN | EPOLLET};
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    ASSERT_NE(readers.wait(deadline_seconds * 1000), 0u);

    char byte = 0;
    ASSERT_EQ(::read(port_.get(), &byte, 1), 1);  // makes room, which is no news for readers

    EXPECT_EQ(readers.wait(0), 0u);
}

TEST_F(Poll, ChangedWireIsPriorityUntilSeenByThatDescriptor) {
    const Fd other = open_port(0, O_NONBLOCK);
    signals(port_.get());
    signals(other.get());
    ASSERT_EQ(events_now(port_.get()) & POLLPRI, 0);

    ASSERT_EQ(set_sysfs(0, "faults/ring", "1"), 0);

    EXPECT_EQ(wait_events(port_.get(), POLLPRI), POLLPRI);
    EXPECT_NE(signals(port_.get()) & VS_SIGNAL_RI, 0u);
    EXPECT_EQ(events_now(port_.get()) & POLLPRI, 0);
    EXPECT_NE(events_now(other.get()) & POLLPRI, 0);
    ASSERT_EQ(set_sysfs(0, "faults/ring", "0"), 0);
}

}  // namespace
}  // namespace vserd::kmodtest
