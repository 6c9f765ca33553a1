// Unbinding and unloading under users, and loading that fails.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>

#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {
namespace {

class Removal : public testing::Test {
protected:
    Module module_{"pacing=0"};
    Fd port_ = open_port(0);
};

/// Runs a call on a thread until it sleeps, unbinds the port and returns what the call made of it.
template <class Call>
std::pair<long, int> result_after_unbind(Call call) {
    std::atomic<pid_t> id = 0;
    std::pair<long, int> result;
    std::thread thread{[&] {
        id = thread_id();
        result.first = call();
        result.second = errno;
    }};
    EXPECT_TRUE(eventually([&] { return id != 0; }));
    EXPECT_TRUE(blocked(id));
    unbind(0);
    thread.join();
    return result;
}

TEST_F(Removal, BlockedReaderGetsEnodev) {
    char byte = 0;
    const auto [result, error] = result_after_unbind([&] { return ::read(port_.get(), &byte, 1); });

    EXPECT_EQ(result, -1);
    EXPECT_EQ(error, ENODEV);
}

TEST_F(Removal, BlockedWriterGetsTheCountThenEnodev) {
    const auto sent = pattern(5000);
    const auto [result, error] = result_after_unbind([&] { return ::write(port_.get(), sent.data(), sent.size()); });

    EXPECT_EQ(result, 4096);
    EXPECT_EQ(::write(port_.get(), "x", 1), -1);
    EXPECT_EQ(errno, ENODEV);
}

TEST_F(Removal, PollerSeesHangUp) {
    const auto [result, error] = result_after_unbind([&] { return wait_events(port_.get(), POLLIN); });

    EXPECT_EQ(result, POLLHUP | POLLERR);
}

TEST_F(Removal, WaiterForSignalsGetsEnodev) {
    vs_signals_wait wait{VS_SIGNAL_RI, 0, 0, 0};
    const auto [result, error] = result_after_unbind([&] { return ::ioctl(port_.get(), VS_WAIT_SIGNALS, &wait); });

    EXPECT_EQ(result, -1);
    EXPECT_EQ(error, ENODEV);
}

TEST_F(Removal, EdgeTriggeredEpollReportsHangUp) {
    const Fd set{::epoll_create1(0)};
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    ASSERT_EQ(::epoll_ctl(set.get(), EPOLL_CTL_ADD, port_.get(), &event), 0);

    unbind(0);

    ASSERT_EQ(::epoll_wait(set.get(), &event, 1, deadline_seconds * 1000), 1);
    EXPECT_NE(event.events & EPOLLHUP, 0u);
}

TEST(RemovalOfAnEnd, HangUpReachesEveryExclusiveWaiter) {
    const Module module{"pacing=0 topology=pair ports=2"};
    const Fd port = open_port(0, O_NONBLOCK);
    ASSERT_TRUE(write_all(port.get(), pattern(4096)));  // until the other end reads, nothing can be done here
    std::array<std::atomic<pid_t>, 2> ids{};
    std::array<std::atomic<std::uint32_t>, 2> seen{};
    const auto wait_for_it = [&](std::size_t which) {
        const Fd set{::epoll_create1(0)};
        epoll_event event{};
        event.events = EPOLLOUT | EPOLLEXCLUSIVE;
        EXPECT_EQ(::epoll_ctl(set.get(), EPOLL_CTL_ADD, port.get(), &event), 0);
        ids[which] = thread_id();
        if (::epoll_wait(set.get(), &event, 1, deadline_seconds * 1000) == 1) seen[which] = event.events;
    };
    std::thread first{wait_for_it, 0};
    std::thread second{wait_for_it, 1};
    for (const auto& id : ids) {
        EXPECT_TRUE(eventually([&] { return id != 0; }));
        EXPECT_TRUE(blocked(id));
    }

    unbind(0);

    first.join();
    second.join();
    for (const auto& events : seen) EXPECT_NE(events & EPOLLHUP, 0u);
}

TEST_F(Removal, PendingAioGetsEnodev) {
    AioContext aio;
    std::array<char, 16> buffer{};
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer.data(), buffer.size());
    ASSERT_EQ(aio.submit(request), 1);

    unbind(0);

    const auto events = aio.events(1, deadline_seconds);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].res, -ENODEV);
}

TEST_F(Removal, PendingAioWriteGetsTheCountThatWasTaken) {
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    AioContext aio;
    const auto sent = pattern(300);
    auto request = aio_request(IOCB_CMD_PWRITE, port_.get(), sent.data(), sent.size());
    ASSERT_EQ(aio.submit(request), 1);
    ASSERT_EQ(read_exactly(port_.get(), 100).size(), 100u);

    unbind(0);

    const auto events = aio.events(1, deadline_seconds);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].res, 100);
}

TEST_F(Removal, LastCloseMayComeAfterTheRequestsOfADeadPort) {
    AioContext aio;
    std::array<char, 16> buffer{};
    auto request = aio_request(IOCB_CMD_PREAD, port_.get(), buffer.data(), buffer.size());
    ASSERT_EQ(aio.submit(request), 1);
    port_.reset();

    unbind(0);

    const auto events = aio.events(1, deadline_seconds);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].res, -ENODEV);
    EXPECT_TRUE(eventually([] { return Module::remove() == 0; }));
}

TEST_F(Removal, PendingUringReadGetsEnodev) {
    io_uring ring{};
    ASSERT_EQ(::io_uring_queue_init(8, &ring, 0), 0);
    std::array<char, 16> buffer{};
    auto* entry = ::io_uring_get_sqe(&ring);
    ::io_uring_prep_read(entry, port_.get(), buffer.data(), buffer.size(), 0);
    ASSERT_EQ(::io_uring_submit(&ring), 1);

    unbind(0);

    io_uring_cqe* completion = nullptr;
    __kernel_timespec time{deadline_seconds, 0};
    ASSERT_EQ(::io_uring_wait_cqe_timeout(&ring, &completion, &time), 0);
    EXPECT_EQ(completion->res, -ENODEV);
    ::io_uring_queue_exit(&ring);
}

TEST_F(Removal, AsyncDescriptorGetsASignal) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGRTMIN + 3);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::fcntl(port_.get(), F_SETOWN, ::getpid());
    ::fcntl(port_.get(), F_SETSIG, SIGRTMIN + 3);
    ::fcntl(port_.get(), F_SETFL, O_ASYNC);

    unbind(0);

    siginfo_t info{};
    const timespec time{deadline_seconds, 0};
    bool hung_up = false;
    while (!hung_up && ::sigtimedwait(&set, &info, &time) > 0) hung_up = info.si_code == POLL_HUP;
    EXPECT_TRUE(hung_up);
    EXPECT_EQ(info.si_fd, port_.get());
}

TEST_F(Removal, EveryCallOnADeadDescriptorIsEnodev) {
    ASSERT_EQ(::write(port_.get(), "unread", 6), 6);
    unbind(0);
    char byte = 0;
    __u32 value = 115200;

    EXPECT_EQ(::read(port_.get(), &byte, 1), -1);
    EXPECT_EQ(errno, ENODEV);
    EXPECT_EQ(::write(port_.get(), "x", 1), -1);
    EXPECT_EQ(errno, ENODEV);
    for (const unsigned long request : {VS_GET_BAUD, VS_SET_BAUD, VS_GET_SIGNALS, VS_GET_VERSION}) {
        EXPECT_EQ(::ioctl(port_.get(), request, &value), -1);
        EXPECT_EQ(errno, ENODEV);
    }
    EXPECT_LT(::open(node_path(0).c_str(), O_RDWR), 0);
}

TEST_F(Removal, NewPortServesWhileTheOldDescriptorStaysDead) {
    unbind(0);
    bind(0);
    const Fd fresh = open_port(0);
    char byte = 0;

    ASSERT_EQ(::write(fresh.get(), "new", 3), 3);

    EXPECT_EQ(read_exactly(fresh.get(), 3), "new");
    EXPECT_EQ(::read(port_.get(), &byte, 1), -1);
    EXPECT_EQ(errno, ENODEV);
}

TEST_F(Removal, ManyUnbindsUnderTrafficEndCleanly) {
    std::atomic<bool> stop = false;
    std::thread traffic{[&] {
        char buffer[512] = {};
        while (!stop) {
            const Fd port{::open(node_path(1).c_str(), O_RDWR | O_NONBLOCK)};
            while (!stop && ::write(port.get(), buffer, sizeof buffer) >= 0 &&
                   ::read(port.get(), buffer, sizeof buffer) >= 0) {
            }
        }
    }};
    for (int round = 0; round < 20; ++round) {
        unbind(1);
        bind(1);
    }
    stop = true;
    traffic.join();
}

TEST_F(Removal, UnloadingIsRefusedWhileOpenAndWorksAfterwards) {
    EXPECT_EQ(Module::remove(), -EAGAIN);

    port_.reset();

    EXPECT_TRUE(eventually([] { return Module::remove() == 0; }));
    EXPECT_NE(::access(node_path(0).c_str(), F_OK), 0);
    EXPECT_EQ(read_file("/proc/devices").find("vser"), std::string::npos);
}

/// A platform device of somebody else whose number is that of a port, or "".
std::string foreign_device(const std::string& number) {
    for (const auto& entry : std::filesystem::directory_iterator{"/sys/bus/platform/devices"}) {
        const auto name = entry.path().filename().string();
        const auto dot = name.find('.');
        if (dot == std::string::npos || name.compare(0, 5, "vser.") == 0) continue;
        const auto id = name.substr(dot + 1);
        if (id == number || id == number + ".auto") return name;
    }
    return "";
}

TEST_F(Removal, ForeignDeviceWithThePortsNumberIsRefusedAndThePortDoesNotNotice) {
    const auto device = foreign_device("0");
    if (device.empty()) GTEST_SKIP() << "no other platform device has the number 0";
    const std::string directory = "/sys/bus/platform/devices/" + device + "/";
    const bool had_driver = ::access((directory + "driver").c_str(), F_OK) == 0;
    if (had_driver) write_file(directory + "driver/unbind", device);
    ASSERT_EQ(write_file(directory + "driver_override", "vser"), 0);

    EXPECT_EQ(write_file("/sys/bus/platform/drivers/vser/bind", device), EBUSY) << device;

    EXPECT_EQ(wait_events(port_.get(), POLLIN, 0), 0);
    ASSERT_EQ(::write(port_.get(), "works", 5), 5);
    EXPECT_EQ(read_exactly(port_.get(), 5), "works");
    EXPECT_EQ(write_file(directory + "driver_override", "\n"), 0);
    if (had_driver) write_file("/sys/bus/platform/drivers_probe", device);
}

class Loading : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(eventually([] { return !Module::loaded() || Module::remove() == 0; }));
    }
    void TearDown() override {
        EXPECT_TRUE(eventually([] { return !Module::loaded() || Module::remove() == 0; }));
    }
};

TEST_F(Loading, BadParametersAreEinval) {
    for (const auto* parameters : {"ports=0", "ports=257", "ports=3 topology=pair", "topology=ring", "fifo_bytes=4095",
                                   "fifo_bytes=8", "fifo_bytes=131072"}) {
        EXPECT_EQ(Module::insert(parameters), -EINVAL) << parameters;
    }
}

// How loading fails is tested where the kernel can make it: allocation_test.cpp.
TEST_F(Loading, NothingForTestsIsInTheModule) {
    ASSERT_EQ(Module::insert("ports=1"), 0);

    for (const auto& entry : std::filesystem::directory_iterator{"/sys/module/vser/parameters"}) {
        const auto name = entry.path().filename().string();
        EXPECT_TRUE(name == "ports" || name == "fifo_bytes" || name == "topology" || name == "pacing") << name;
    }
}

TEST_F(Loading, ParametersAreHonoured) {
    ASSERT_EQ(Module::insert("ports=256 fifo_bytes=16 pacing=0"), 0);
    const Fd last = open_port(255, O_NONBLOCK);

    EXPECT_EQ(::write(last.get(), pattern(20).data(), 20), 16);

    EXPECT_EQ(drain(last.get()), pattern(20).substr(0, 16));
}

TEST_F(Loading, TracepointsTellReadWriteWakeAndIoctl) {
    const std::string tracing = "/sys/kernel/tracing/";
    if (::access((tracing + "trace").c_str(), F_OK) != 0) GTEST_SKIP() << "this kernel has no tracefs";
    ASSERT_EQ(Module::insert("pacing=0"), 0);
    ASSERT_EQ(write_file(tracing + "events/vser/enable", "1"), 0);
    {
        const Fd port = open_port(0);
        __u32 baud = 0;
        ASSERT_EQ(::write(port.get(), "abc", 3), 3);
        ASSERT_EQ(read_exactly(port.get(), 3), "abc");
        ASSERT_EQ(::ioctl(port.get(), VS_GET_BAUD, &baud), 0);
    }
    const auto trace = read_file(tracing + "trace");

    EXPECT_NE(trace.find("vser_write: vser0 requested=3 result=3"), std::string::npos) << trace;
    EXPECT_NE(trace.find("vser_read: vser0 requested=3 result=3"), std::string::npos);
    EXPECT_NE(trace.find("vser_wake: vser0"), std::string::npos);
    EXPECT_NE(trace.find("vser_ioctl: vser0"), std::string::npos);
    write_file(tracing + "events/vser/enable", "0");
}

}  // namespace
}  // namespace vserd::kmodtest
