// Who is woken by what. Bytes, room and modem lines are separate news, and an exclusive waiter takes only its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

/// Exclusive waiters of an io_uring, which poll a descriptor once.
class ExclusivePolls {
public:
    ExclusivePolls() { ::io_uring_queue_init(8, &ring_, 0); }
    ~ExclusivePolls() { ::io_uring_queue_exit(&ring_); }
    ExclusivePolls(const ExclusivePolls&) = delete;
    ExclusivePolls& operator=(const ExclusivePolls&) = delete;

    void add(int fd, unsigned events) {
        auto* entry = ::io_uring_get_sqe(&ring_);
        ::io_uring_prep_poll_add(entry, fd, events);
        entry->poll32_events |= EPOLLEXCLUSIVE;
        ASSERT_EQ(::io_uring_submit(&ring_), 1);
    }
    /// Nobody has been woken so far.
    bool asleep() { return ::io_uring_cq_ready(&ring_) == 0; }
    /// How many of `wanted` waiters wake before the deadline.
    int woken(int wanted) {
        int count = 0;
        for (; count < wanted; ++count) {
            io_uring_cqe* entry = nullptr;
            __kernel_timespec time{deadline_seconds, 0};
            if (::io_uring_wait_cqe_timeout(&ring_, &entry, &time) != 0) break;
            ::io_uring_cqe_seen(&ring_, entry);
        }
        return count;
    }

private:
    io_uring ring_{};
};

TEST(WakeUp, ExclusiveWaiterForInputDoesNotConsumeTheNewsOfRoom) {
    const Module module{"pacing=1 fifo_bytes=16 ports=1"};
    const Fd port = open_port(0, O_NONBLOCK);
    // The break holds the bytes back, so that all of them arrive at one moment; one is lost and leaves room.
    const __u32 milliseconds = 500;
    ASSERT_EQ(::ioctl(port.get(), VS_SEND_BREAK, &milliseconds), 0);
    ASSERT_EQ(set_sysfs(0, "faults/inject_overrun", "1"), 0);
    ASSERT_EQ(::write(port.get(), pattern(16).data(), 16), 16);
    ExclusivePolls polls;
    polls.add(port.get(), POLLIN);
    polls.add(port.get(), POLLOUT);
    ASSERT_TRUE(polls.asleep()) << "the machine stood still for longer than the break";

    EXPECT_EQ(polls.woken(2), 2);

    EXPECT_EQ(wait_events(port.get(), POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
}

}  // namespace
}  // namespace vserd::kmodtest
