// Pages that waiting requests pin count against RLIMIT_MEMLOCK, and are given back.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {
namespace {

constexpr std::size_t page = 4096;
constexpr uid_t user = 54321;  // of no other process

/// What /proc/self/status says, in kB.
long pinned_kilobytes() {
    const auto status = read_file("/proc/self/status");
    const auto at = status.find("VmPin:");
    return at == std::string::npos ? -1 : std::stol(status.substr(at + 6));
}

#define EXPECT_IN_CHILD(condition)         \
    do {                                   \
        if (!(condition)) return __LINE__; \
    } while (0)

/// Runs in a process without privileges that may lock two pages. Returns 0, or the line where it went wrong.
int submit_up_to_the_limit(int fd) {
    const rlimit two{2 * page, 2 * page};
    EXPECT_IN_CHILD(::setrlimit(RLIMIT_MEMLOCK, &two) == 0 && ::setgid(user) == 0 && ::setuid(user) == 0);
    auto* memory =
        static_cast<char*>(::mmap(nullptr, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    AioContext aio;
    auto first = aio_request(IOCB_CMD_PREAD, fd, memory, 2 * page);
    auto second = aio_request(IOCB_CMD_PREAD, fd, memory + 2 * page, 1);
    for (int round = 0; round < 3; ++round) {
        EXPECT_IN_CHILD(aio.submit(first) == 1 && aio.events(0, 0).empty());
        EXPECT_IN_CHILD(pinned_kilobytes() == 8);
        EXPECT_IN_CHILD(aio.submit(second) == 1);
        const auto refused = aio.events(1, deadline_seconds);
        EXPECT_IN_CHILD(refused.size() == 1 && refused[0].res == -ENOMEM);

        EXPECT_IN_CHILD(::ioctl(fd, VS_CANCEL_ASYNC) == 1);
        EXPECT_IN_CHILD(aio.events(1, deadline_seconds).size() == 1);
        EXPECT_IN_CHILD(pinned_kilobytes() == 0);
    }
    // A buffer that ends early holds only the pages that are there.
    ::munmap(memory + page, 3 * page);
    EXPECT_IN_CHILD(aio.submit(first) == 1 && aio.events(0, 0).empty());
    EXPECT_IN_CHILD(pinned_kilobytes() == 4);
    return 0;
}

TEST(Memlock, WaitingRequestsCountAgainstTheLimitAndGiveItBack) {
    const Module module{"pacing=0 ports=1 fifo_bytes=16384"};
    const Fd port = open_port(0);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(submit_up_to_the_limit(port.get()));
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);

    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the line where it went wrong";
}

}  // namespace
}  // namespace vserd::kmodtest
