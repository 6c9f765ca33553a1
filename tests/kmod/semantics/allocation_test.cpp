// Every allocation and every copy fails once. Only on the debug kernel, which can do that.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "support/failures.hpp"
#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {
namespace {

constexpr unsigned failures_max = 20000;

class Allocation : public testing::Test {
protected:
    void SetUp() override {
        if (!enable_failures()) GTEST_SKIP() << "this kernel cannot make allocations fail";
        ASSERT_TRUE(eventually([] { return !Module::loaded() || Module::remove() == 0; }));
    }
    void TearDown() override {
        EXPECT_TRUE(eventually([] { return !Module::loaded() || Module::remove() == 0; }));
    }
};

void expect_nothing_left(unsigned n) {
    EXPECT_FALSE(Module::loaded()) << n;
    for (const char* path :
         {"/sys/class/vser", "/sys/bus/platform/drivers/vser", "/sys/devices/platform/vser.0", "/dev/vser0"}) {
        EXPECT_NE(::access(path, F_OK), 0) << path << " after failure " << n;
    }
    EXPECT_EQ(read_file("/proc/devices").find("vser"), std::string::npos) << n;
}

TEST_F(Allocation, FailingAtAnyPointOfLoadingLeavesNothingBehind) {
    const auto file = Module::file();
    FailNth failing;
    // What the kernel's loader does before the module's own code runs is not this test's, and there is much of it.
    const unsigned loader = failing.count([&] { ASSERT_EQ(Module::insert(file, "ports=0"), -EINVAL); });
    const unsigned all = failing.count([&] { ASSERT_EQ(Module::insert(file, "ports=1"), 0); });
    unsigned refused = 0;
    for (unsigned n = loader + 1; n <= all; ++n) {
        ASSERT_TRUE(eventually([] { return !Module::loaded() || Module::remove() == 0; }));
        int result = 0;
        failing.during(n, [&] { result = Module::insert(file, "ports=1"); });
        // Not every failure is fatal: a name in a log message, say.
        if (result == 0) continue;
        ++refused;
        expect_nothing_left(n);
    }
    std::printf("loading: %u things that can fail, %u of them in the module; %u refuse it\n", all, all - loader,
                refused);

    EXPECT_GT(refused, 30u);
}

TEST_F(Allocation, FailingAtAnyPointOfBindingLeavesAPortThatCanBeBound) {
    ASSERT_EQ(Module::insert("pacing=0"), 0);
    FailNth failing;
    unsigned n = 1;
    for (; n < failures_max; ++n) {
        unbind(0);
        if (!failing.during(n, [] { write_file("/sys/bus/platform/drivers/vser/bind", "vser.0"); })) break;
        if (::access("/sys/bus/platform/drivers/vser/vser.0", F_OK) != 0) bind(0);
        const Fd port = open_port(0, O_NONBLOCK);
        ASSERT_EQ(::write(port.get(), "x", 1), 1) << n;
        ASSERT_EQ(drain(port.get()), "x") << n;
    }

    EXPECT_GT(n, 10u);
    EXPECT_LT(n, failures_max);
}

/// Runs the call with its first allocation or copy failing, then with the second, until it has no more.
template <class Call>
void fail_everywhere(const char* name, Call call) {
    FailNth failing;
    unsigned n = 1;
    for (; n < failures_max; ++n) {
        long result = 0;
        int error = 0;
        const auto used = failing.during(n, [&] {
            errno = 0;
            result = call();
            error = errno;
        });
        if (!used) break;
        EXPECT_TRUE(result >= 0 || error == ENOMEM || error == EFAULT || error == EAGAIN)
            << name << ", failure " << n << ": errno " << error;
    }
    EXPECT_LT(n, failures_max) << name;
    std::printf("%s: %u things that can fail\n", name, n - 1);
}

TEST_F(Allocation, CallsThatFailAnywhereGiveADocumentedErrorAndTheNextOneWorks) {
    ASSERT_EQ(Module::insert("pacing=0"), 0);
    const Fd port = open_port(0, O_NONBLOCK);
    const Fd blocking = open_port(0);
    const Fd set{::epoll_create1(0)};
    std::array<char, 64> buffer{};

    fail_everywhere("open", [] {
        const int fd = ::open(node_path(0).c_str(), O_RDWR | O_CLOEXEC);
        const int error = errno;
        if (fd >= 0) ::close(fd);
        errno = error;
        return fd;
    });
    fail_everywhere("fasync", [&] {
        const int result = ::fcntl(port.get(), F_SETFL, O_NONBLOCK | O_ASYNC);
        const int error = errno;
        ::fcntl(port.get(), F_SETFL, O_NONBLOCK);
        errno = error;
        return result;
    });
    fail_everywhere("epoll", [&] {
        epoll_event event{};
        const int result = ::epoll_ctl(set.get(), EPOLL_CTL_ADD, port.get(), &event);
        const int error = errno;
        ::epoll_ctl(set.get(), EPOLL_CTL_DEL, port.get(), &event);
        errno = error;
        return result;
    });
    fail_everywhere("poll", [&] {
        pollfd entry{port.get(), POLLIN, 0};
        return ::poll(&entry, 1, 0);
    });
    fail_everywhere("ioctl", [&] {
        vs_stats counters{};
        return ::ioctl(port.get(), VS_GET_STATS, &counters);
    });
    fail_everywhere("io_submit", [&] {
        AioContext aio;
        auto request = aio_request(IOCB_CMD_PREAD, blocking.get(), buffer.data(), buffer.size());
        const int result = aio.submit(request);
        ::ioctl(blocking.get(), VS_CANCEL_ASYNC);
        errno = result < 0 ? -result : 0;
        // Without memory for the context there is none.
        return result == -EINVAL ? 0 : result;
    });

    ASSERT_EQ(::write(port.get(), "works", 5), 5);
    EXPECT_EQ(drain(port.get()), "works");
}

TEST_F(Allocation, RequestThatCannotBeAllocatedIsEnomem) {
    ASSERT_EQ(Module::insert("pacing=0"), 0);
    const Fd blocking = open_port(0);
    AioContext aio;
    FailNth failing;
    std::array<char, 64> buffer{};
    bool seen = false;
    for (unsigned n = 1; n < 100; ++n) {
        auto request = aio_request(IOCB_CMD_PREAD, blocking.get(), buffer.data(), buffer.size());
        int submitted = 0;
        if (!failing.during(n, [&] { submitted = aio.submit(request); })) break;
        ::ioctl(blocking.get(), VS_CANCEL_ASYNC);
        if (submitted == 1) seen |= aio.events(1, deadline_seconds).at(0).res == -ENOMEM;
    }

    EXPECT_TRUE(seen);
}

// The copy runs with page faults off, so it may stop anywhere although the memory is good.
TEST_F(Allocation, CopyThatFailsIsTriedAgainAndNoByteIsLostOrRepeated) {
    ASSERT_EQ(Module::insert("pacing=0"), 0);
    const Fd port = open_port(0, O_NONBLOCK);
    FailNth failing;
    const auto sent = pattern(3000);
    for (unsigned n = 1; n < 10; ++n) {
        std::string got(sent.size(), '\0');
        ssize_t written = 0;
        ssize_t read = 0;
        failing.during(n, [&] { written = ::write(port.get(), sent.data(), sent.size()); });
        failing.during(n, [&] { read = ::read(port.get(), got.data(), got.size()); });
        EXPECT_EQ(written, static_cast<ssize_t>(sent.size())) << n;
        EXPECT_EQ(read, written) << n;
        EXPECT_EQ(got, sent) << n;
        drain(port.get());
    }
}

}  // namespace
}  // namespace vserd::kmodtest
