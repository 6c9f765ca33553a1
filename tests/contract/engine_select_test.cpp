// The choice of an engine, with io_uring really denied by seccomp in a forked child.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <functional>

#include "base/fd.hpp"
#include "base/result.hpp"
#include "io/engine_select.hpp"
#include "io/pty.hpp"
#include "support/engines.hpp"

namespace vserd::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// From here on io_uring_setup fails with this errno in this process, as under a container's profile.
void deny_io_uring(int errno_value) {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(errno_value)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) std::abort();
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) std::abort();
}

/// What `talk` returns when it is run in a child process of its own, whose limits and filters die with it.
std::string in_a_child(const std::function<std::string()>& talk) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) std::abort();
    const pid_t child = ::fork();
    if (child == 0) {
        const std::string said = talk();
        const bool sent = ::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
        ::_exit(sent ? 0 : 1);
    }
    ::close(ends[1]);
    const base::Fd answer{ends[0]};
    std::string heard;
    std::array<char, 512> part{};
    for (ssize_t got = 0; (got = ::read(answer.get(), part.data(), part.size())) > 0;) {
        heard.append(part.data(), static_cast<std::size_t>(got));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return heard;
}

/// The engine chosen and each refusal, one a line; or the error.
std::string choose(std::string_view wanted) {
    const auto choice = io::select_engine(wanted);
    if (!choice) return "error on " + choice.error().subject + ": " + choice.error().message;
    std::string said{choice->engine->name()};
    for (const auto& refusal : choice->refusals) said += "\n" + refusal.engine + " refused: " + refusal.reason;
    return said;
}

TEST(EngineSelect, TakesIoUringWhereItWorks) {
    const auto named = io::select_engine("io_uring");
    ASSERT_EQ(named.has_value(), system_grants("io_uring"));
    if (!named) GTEST_SKIP() << named.error().message;

    EXPECT_EQ(choose("auto"), "io_uring");
}

TEST(EngineSelect, ForcedEngineIsTheOneThatServes) {
    for (const char* name : {"sigio", "epoll"}) EXPECT_EQ(choose(name), name);
}

TEST(EngineSelect, AioServesWhereItIsForced) {
    const auto aio = io::select_engine("aio");
    ASSERT_EQ(aio.has_value(), system_grants("aio"));
    if (!aio) GTEST_SKIP() << aio.error().message;

    EXPECT_EQ(aio->engine->name(), "aio");
}

TEST(EngineSelect, UnknownNameIsAnErrorThatListsTheKnownOnes) {
    EXPECT_EQ(choose("kqueue"), "error on engine: engine \"kqueue\" is unknown; use auto, io_uring, sigio, epoll, aio");
}

TEST(EngineSelect, NamesAreInOrderOfPreference) {
    EXPECT_THAT(io::engine_names(), ElementsAre("io_uring", "sigio", "epoll", "aio"));
}

TEST(EngineSelect, FallsBackWhereSeccompDeniesIoUringWithEperm) {
    const std::string said = in_a_child([] {
        deny_io_uring(EPERM);
        return choose("auto");
    });

    EXPECT_EQ(
        said,
        "sigio\nio_uring refused: io_uring_setup: EPERM; allow io_uring in the container's seccomp profile or set "
        "kernel.io_uring_disabled=0");
}

TEST(EngineSelect, FallsBackWhereTheKernelOrSeccompHasNoIoUring) {
    const std::string said = in_a_child([] {
        deny_io_uring(ENOSYS);
        return choose("auto");
    });

    EXPECT_THAT(said, AllOf(HasSubstr("sigio\n"), HasSubstr("io_uring_setup: ENOSYS; run Linux 5.13 or later")));
}

TEST(EngineSelect, ForcedEngineThatIsDeniedIsAnErrorWithTheReason) {
    const std::string said = in_a_child([] {
        deny_io_uring(EPERM);
        return choose("io_uring");
    });

    EXPECT_THAT(said, AllOf(HasSubstr("error on engine: engine \"io_uring\" does not work on this system"),
                            HasSubstr("EPERM")));
}

TEST(EngineSelect, SaysWhichLimitToRaiseWhereDescriptorsRunOut) {
    const std::string said = in_a_child([] {
        // UBSan opens a pipe when it first sees an object of a type with virtual functions, and remembers the type.
        static_cast<void>(errno_error("", 0));
        const rlimit none{3, 3};
        ::setrlimit(RLIMIT_NOFILE, &none);
        return choose("auto");
    });

    EXPECT_THAT(said, AllOf(HasSubstr("no engine works on this system"), HasSubstr("EMFILE; raise RLIMIT_NOFILE")));
}

TEST(EngineSelect, LeavesNoDescriptorsBehind) {
    const auto lowest_free = [] { return base::Fd{::dup(0)}.get(); };
    const int before = lowest_free();

    for (int i = 0; i < 20; ++i) ASSERT_EQ(choose("auto").substr(0, 5), choose("auto").substr(0, 5));

    EXPECT_EQ(lowest_free(), before);
}

}  // namespace
}  // namespace vserd::test
