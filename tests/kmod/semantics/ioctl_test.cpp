// Every ioctl with good, bad and faulting arguments, from 64-bit and 32-bit callers.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <type_traits>

#include "support/module.hpp"
#include "support/unreadable.hpp"

namespace vserd::kmodtest {
namespace {

class Ioctl : public testing::Test {
protected:
    static void SetUpTestSuite() { module = new Module{"pacing=0"}; }
    static void TearDownTestSuite() {
        delete module;
        module = nullptr;
    }
    /// 0 or errno.
    int call(unsigned long request, void* argument = nullptr) {
        return ::ioctl(port_.get(), request, argument) < 0 ? errno : 0;
    }
    template <class Value>
    requires std::is_class_v<Value> || std::is_integral_v<Value>
    int call(unsigned long request, Value value) { return call(request, static_cast<void*>(&value)); }

    static Module* module;
    Fd port_ = open_port(0, O_NONBLOCK);
};
Module* Ioctl::module = nullptr;

TEST_F(Ioctl, BaudIsReadBackExactly) {
    for (const __u32 baud : {VS_BAUD_MIN, 300u, 9600u, 31250u, 115201u, VS_BAUD_MAX}) {
        EXPECT_EQ(call(VS_SET_BAUD, baud), 0);
        __u32 got = 0;
        EXPECT_EQ(call(VS_GET_BAUD, static_cast<void*>(&got)), 0);
        EXPECT_EQ(got, baud);
        EXPECT_EQ(get_sysfs(0, "baud"), std::to_string(baud));
    }
    EXPECT_EQ(call(VS_SET_BAUD, __u32{115200}), 0);
}

TEST_F(Ioctl, BaudOutsideTheRangeIsEinvalAndChangesNothing) {
    for (const __u32 baud : {0u, VS_BAUD_MIN - 1, VS_BAUD_MAX + 1, 0xffffffffu}) {
        EXPECT_EQ(call(VS_SET_BAUD, baud), EINVAL);
    }
    __u32 got = 0;
    EXPECT_EQ(call(VS_GET_BAUD, static_cast<void*>(&got)), 0);
    EXPECT_EQ(got, 115200u);
}

TEST_F(Ioctl, EveryFormatIsReadBackExactly) {
    for (__u8 bits = 5; bits <= 8; ++bits) {
        for (__u8 parity = VS_PARITY_NONE; parity <= VS_PARITY_SPACE; ++parity) {
            for (__u8 stop = VS_STOP_BITS_1; stop <= VS_STOP_BITS_2; ++stop) {
                const vs_ffmt format{bits, parity, stop, 0};
                vs_ffmt got{};
                EXPECT_EQ(call(VS_SET_FFMT, format), 0);
                EXPECT_EQ(call(VS_GET_FFMT, static_cast<void*>(&got)), 0);
                EXPECT_EQ(vs_ffmt_pack(got), vs_ffmt_pack(format));
            }
        }
    }
    EXPECT_EQ(get_sysfs(0, "format"), "8S2");
    EXPECT_EQ(call(VS_SET_FFMT, vs_ffmt{8, VS_PARITY_NONE, VS_STOP_BITS_1, 0}), 0);
    EXPECT_EQ(get_sysfs(0, "format"), "8N1");
}

TEST_F(Ioctl, BadFormatIsEinval) {
    for (const auto& format :
         {vs_ffmt{4, 0, 0, 0}, vs_ffmt{9, 0, 0, 0}, vs_ffmt{8, 5, 0, 0}, vs_ffmt{8, 0, 3, 0}, vs_ffmt{8, 0, 0, 1}}) {
        EXPECT_EQ(call(VS_SET_FFMT, format), EINVAL);
    }
    EXPECT_EQ(get_sysfs(0, "format"), "8N1");
}

TEST_F(Ioctl, SettingsAreSeenThroughAnotherDescriptorAndSurviveClose) {
    EXPECT_EQ(call(VS_SET_BAUD, __u32{19200}), 0);
    {
        const Fd other = open_port(0);
        __u32 got = 0;
        EXPECT_EQ(::ioctl(other.get(), VS_GET_BAUD, &got), 0);
        EXPECT_EQ(got, 19200u);
    }

    port_.reset();
    port_ = open_port(0, O_NONBLOCK);

    __u32 got = 0;
    EXPECT_EQ(call(VS_GET_BAUD, static_cast<void*>(&got)), 0);
    EXPECT_EQ(got, 19200u);
    EXPECT_EQ(call(VS_SET_BAUD, __u32{115200}), 0);
}

TEST_F(Ioctl, LoopbackHearsItsOwnWires) {
    EXPECT_EQ(signals(port_.get()), VS_SIGNAL_DTR | VS_SIGNAL_RTS | VS_SIGNAL_CTS | VS_SIGNAL_DSR | VS_SIGNAL_DCD);

    EXPECT_EQ(call(VS_SET_SIGNALS, vs_signals_set{VS_SIGNALS_OUT, VS_SIGNAL_RTS}), 0);

    EXPECT_EQ(signals(port_.get()), VS_SIGNAL_RTS | VS_SIGNAL_CTS);
    EXPECT_EQ(call(VS_SET_SIGNALS, vs_signals_set{VS_SIGNAL_DSR, VS_SIGNAL_DSR}), EINVAL);
    EXPECT_EQ(call(VS_SET_SIGNALS, vs_signals_set{VS_SIGNALS_OUT, VS_SIGNALS_OUT}), 0);
}

TEST_F(Ioctl, LastCloseDropsTheWiresAndOpenRaisesThem) {
    EXPECT_EQ(get_sysfs(0, "signals"), "0x1f");
    port_.reset();
    EXPECT_TRUE(eventually([] { return get_sysfs(0, "signals") == "0x00"; }));
    port_ = open_port(0, O_NONBLOCK);
    EXPECT_EQ(get_sysfs(0, "signals"), "0x1f");
}

TEST_F(Ioctl, WaitSignalsReportsWhatChangedSinceTheLastCall) {
    vs_signals_wait wait{};
    ASSERT_EQ(call(VS_WAIT_SIGNALS, static_cast<void*>(&wait)), 0);  // mask 0: where are we?
    EXPECT_EQ(wait.changed, 0u);

    // A pulse that is over before anyone looks.
    ASSERT_EQ(call(VS_SET_SIGNALS, vs_signals_set{VS_SIGNAL_RTS, 0}), 0);
    ASSERT_EQ(call(VS_SET_SIGNALS, vs_signals_set{VS_SIGNAL_RTS, VS_SIGNAL_RTS}), 0);
    wait.mask = VS_SIGNAL_CTS | VS_SIGNAL_RI;
    ASSERT_EQ(call(VS_WAIT_SIGNALS, static_cast<void*>(&wait)), 0);

    EXPECT_EQ(wait.changed, VS_SIGNAL_CTS);
    EXPECT_NE(wait.signals & VS_SIGNAL_CTS, 0u);
    EXPECT_EQ(call(VS_WAIT_SIGNALS, static_cast<void*>(&wait)), EAGAIN);  // O_NONBLOCK, and nothing new
}

TEST_F(Ioctl, WaitSignalsBlocksUntilAWireChanges) {
    const Fd blocking = open_port(0);
    std::atomic<pid_t> id = 0;
    vs_signals_wait wait{VS_SIGNAL_RI, 0, 0, 0};
    int result = -1;
    std::thread waiter{[&] {
        id = thread_id();
        result = ::ioctl(blocking.get(), VS_WAIT_SIGNALS, &wait);
    }};
    ASSERT_TRUE(eventually([&] { return id != 0; }));
    ASSERT_TRUE(blocked(id));

    ASSERT_EQ(set_sysfs(0, "faults/ring", "1"), 0);
    waiter.join();

    EXPECT_EQ(result, 0);
    EXPECT_EQ(wait.changed, VS_SIGNAL_RI);
    ASSERT_EQ(set_sysfs(0, "faults/ring", "0"), 0);
}

TEST_F(Ioctl, WaitForUnknownWiresIsEinval) { EXPECT_EQ(call(VS_WAIT_SIGNALS, vs_signals_wait{0x80, 0, 0, 0}), EINVAL); }

TEST_F(Ioctl, BreakIsCountedAndSeenAsAChange) {
    vs_signals_wait wait{};
    ASSERT_EQ(call(VS_WAIT_SIGNALS, static_cast<void*>(&wait)), 0);
    const auto before = stats(port_.get()).break_errors;

    EXPECT_EQ(call(VS_SEND_BREAK, __u32{0}), 0);

    EXPECT_EQ(stats(port_.get()).break_errors, before + 1);
    wait.mask = VS_SIGNAL_BREAK;
    EXPECT_EQ(call(VS_WAIT_SIGNALS, static_cast<void*>(&wait)), 0);
    EXPECT_EQ(wait.changed, VS_SIGNAL_BREAK);
    EXPECT_EQ(call(VS_SEND_BREAK, __u32{VS_BREAK_MS_MAX + 1}), EINVAL);
}

TEST_F(Ioctl, FlushDiscardsWhatWasReceived) {
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    vs_queued queued{};
    EXPECT_EQ(call(VS_GET_QUEUED, static_cast<void*>(&queued)), 0);
    EXPECT_EQ(queued.input, 4096u);
    EXPECT_EQ(queued.output, 0u);

    EXPECT_EQ(call(VS_FLUSH, __u32{VS_FLUSH_OUTPUT}), 0);
    EXPECT_EQ(drain(port_.get()).size(), 4096u);
    ASSERT_TRUE(write_all(port_.get(), pattern(4096)));
    EXPECT_EQ(call(VS_FLUSH, __u32{VS_FLUSH_INPUT}), 0);

    EXPECT_EQ(drain(port_.get()), "");
    EXPECT_EQ(call(VS_FLUSH, __u32{0}), EINVAL);
    EXPECT_EQ(call(VS_FLUSH, __u32{4}), EINVAL);
}

TEST_F(Ioctl, StatisticsCountBytes) {
    const auto before = stats(port_.get());

    ASSERT_TRUE(write_all(port_.get(), pattern(100)));

    const auto after = stats(port_.get());
    EXPECT_EQ(after.tx_bytes - before.tx_bytes, 100u);
    EXPECT_EQ(after.rx_bytes - before.rx_bytes, 100u);
    EXPECT_EQ(get_sysfs(0, "stats/rx_bytes"), std::to_string(after.rx_bytes));
    drain(port_.get());
}

TEST_F(Ioctl, VersionIsTheHeaders) {
    __u32 version = 0;
    EXPECT_EQ(call(VS_GET_VERSION, static_cast<void*>(&version)), 0);
    EXPECT_EQ(version, VS_ABI_VERSION);
}

constexpr unsigned long with_pointer[] = {VS_SET_BAUD,    VS_GET_BAUD,    VS_SET_FFMT,     VS_GET_FFMT,
                                          VS_GET_SIGNALS, VS_SET_SIGNALS, VS_WAIT_SIGNALS, VS_SEND_BREAK,
                                          VS_FLUSH,       VS_GET_STATS,   VS_GET_VERSION,  VS_GET_QUEUED};

TEST_F(Ioctl, BadPointersAreEfault) {
    const Unreadable memory;
    for (const auto request : with_pointer) {
        EXPECT_EQ(call(request, nullptr), EFAULT) << std::hex << request;
        EXPECT_EQ(call(request, memory.hole()), EFAULT) << std::hex << request;
        EXPECT_EQ(call(request, memory.before_hole(1)), EFAULT) << std::hex << request;
        EXPECT_EQ(call(request, reinterpret_cast<void*>(~0ul)), EFAULT) << std::hex << request;
    }
}

TEST_F(Ioctl, ReadOnlyMemoryIsEfaultForAnswers) {
    auto* memory = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (const unsigned long request : {VS_GET_BAUD, VS_GET_FFMT, VS_GET_SIGNALS, VS_GET_STATS, VS_WAIT_SIGNALS}) {
        EXPECT_EQ(call(request, memory), EFAULT) << std::hex << request;
    }
    ::munmap(memory, 4096);
}

TEST_F(Ioctl, UnknownRequestsAreEnotty) {
    std::array<char, 64> memory{};
    for (const unsigned long request :
         {0ul, 0xfffffffful, static_cast<unsigned long>(TCGETS), static_cast<unsigned long>(_IO(VS_MAGIC, 0)),
          static_cast<unsigned long>(_IOR(VS_MAGIC, 0, __u64)), static_cast<unsigned long>(_IOR(VS_MAGIC, 99, __u32)),
          static_cast<unsigned long>(_IOR('t', 1, __u32))}) {
        EXPECT_EQ(call(request, memory.data()), ENOTTY) << std::hex << request;
    }
}

// compat32.c: the layouts of a 32-bit compiler and the 32-bit system calls.
TEST_F(Ioctl, ThirtyTwoBitProgramSeesTheSameLayout) {
#ifdef VSER_COMPAT32
    const int status = std::system(VSER_COMPAT32);

    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 126) GTEST_SKIP() << "this kernel runs no 32-bit programs";
    EXPECT_EQ(WEXITSTATUS(status), 0) << "the line of compat32.c where the first expectation failed";
#else
    GTEST_SKIP() << "this processor has no 32-bit mode";
#endif
}

}  // namespace
}  // namespace vserd::kmodtest
