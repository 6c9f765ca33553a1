// A flush makes room in a tty, and its kernel wakes nobody for it: retry() has to bring a waiting write on its way.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "contract/engine_rig.hpp"

namespace vserd::test {
namespace {

using io::OperationKind;

/// What the far end of a pty holds before the line between the ends fills up.
constexpr int tty_read_bytes_max = 4095;

class EngineFlush : public EngineTest {
protected:
    void write_until_full() {
        const std::array<char, 4096> bytes{};
        while (::write(link().out, bytes.data(), bytes.size()) > 0) continue;
    }

    /// Fills both the far end and the line, after which nothing moves by itself and no room comes of it.
    void fill() {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        int held = 0;
        while (held < tty_read_bytes_max && std::chrono::steady_clock::now() < deadline) {
            write_until_full();
            ASSERT_EQ(::ioctl(link().peer_in, FIONREAD, &held), 0);
        }
        ASSERT_EQ(held, tty_read_bytes_max);
        write_until_full();
    }

    void take_some() {
        std::array<char, 512> bytes{};
        int held = 0;
        if (::ioctl(link().peer_in, FIONREAD, &held) != 0 || held == 0) return;
        ASSERT_GT(::read(link().peer_in, bytes.data(), bytes.size()), 0);
    }

    /// As another program would, or a worker thread: through a descriptor that the engine does not know.
    void flush() {
        const base::Fd other(::open(::ptsname(link().peer_in), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        ASSERT_EQ(::tcflush(other.get(), TCOFLUSH), 0);
    }
};

TEST_P(EngineFlush, AWaitingWriteFindsTheRoomWhenItIsToldToLookAgain) {
    const io::Slot slot = rig().attach(link().out);
    Op write{rig(), OperationKind::write, slot, 512};
    fill();
    write.start();
    rig().settle();
    ASSERT_FALSE(write.done());

    flush();
    rig()->retry(slot);

    ASSERT_TRUE(rig().run_until([&] { return write.done(); }));
    EXPECT_EQ(write.result, 512);
    EXPECT_EQ(write.completions, 1);
}

TEST_P(EngineFlush, LookingAgainWhereNothingChangedChangesNothing) {
    const io::Slot slot = rig().attach(link().out);
    Op write{rig(), OperationKind::write, slot, 512};
    Op read{rig(), OperationKind::read, slot, 512};
    rig()->retry(slot);  // nobody waits
    fill();
    write.start();
    read.start();
    rig().settle();

    rig()->retry(slot);
    rig()->retry(slot);
    rig().settle();

    EXPECT_FALSE(read.done());
    EXPECT_EQ(read_exactly(link().peer_in, 8192).size(), 8192U);
    write_all(link().peer_out, "x");
    EXPECT_TRUE(rig().run_until([&] { return read.done(); }));
    // The kernel may tell of room before there is any, and tells again when more is taken.
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!write.done() && std::chrono::steady_clock::now() < deadline) {
        take_some();
        rig().run_until([&] { return write.done(); }, std::chrono::milliseconds{1});
    }
    ASSERT_TRUE(write.done());
    EXPECT_EQ(write.completions, 1);
    EXPECT_EQ(read.text(), "x");
}

std::vector<LinkKind> ttys() {
    auto kinds = link_kinds();
    kinds.erase(std::remove_if(kinds.begin(), kinds.end(), [](const LinkKind& kind) { return kind.name != "tty"; }),
                kinds.end());
    return kinds;
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineFlush,
                         testing::Combine(testing::ValuesIn(engine_kinds()), testing::ValuesIn(ttys())), case_name);

}  // namespace
}  // namespace vserd::test
