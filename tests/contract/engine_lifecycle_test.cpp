// What every engine does at the edges: cancel, hang-up, detach, reuse, and operations that die in their own completion.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <thread>

#include "contract/engine_rig.hpp"

namespace vserd::test {
namespace {

using io::OperationKind;

class EngineLifecycle : public EngineTest {
protected:
    /// Writes until the link takes no more and a write waits; returns the bytes taken.
    std::size_t fill(Op& write) {
        std::size_t taken = 0;
        for (write.start(), rig().settle(); write.done() && *write.result > 0; write.start(), rig().settle()) {
            taken += static_cast<std::size_t>(*write.result);
        }
        EXPECT_FALSE(write.done());
        return taken;
    }
};

TEST_P(EngineLifecycle, WaitingReadIsCanceled) {
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};
    read.start();
    rig().settle();
    ASSERT_FALSE(read.done());

    read.cancel();

    EXPECT_FALSE(read.done()) << "completed outside drain()";
    EXPECT_TRUE(rig()->pending());
    rig().drain();
    EXPECT_EQ(read.result, -ECANCELED);
    EXPECT_EQ(read.completions, 1);
}

TEST_P(EngineLifecycle, ReadIsCanceledBeforeTheFirstDrain) {
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};
    read.start();

    read.cancel();
    read.cancel();
    rig().settle();

    EXPECT_EQ(read.result, -ECANCELED);
    EXPECT_EQ(read.completions, 1);
}

TEST_P(EngineLifecycle, WaitingWriteIsCanceledAndTheNextOneGoesOn) {
    Op write{rig(), OperationKind::write, rig().attach(link().out), 4096};
    const std::size_t taken = fill(write);

    write.cancel();
    rig().drain();
    ASSERT_EQ(write.result, -ECANCELED);

    write.start();
    rig().settle();
    // It looks for itself, and a tty moves what it holds on, and so makes room, in its own time.
    EXPECT_TRUE(!write.done() || ::isatty(link().out) == 1);
    EXPECT_EQ(read_exactly(link().peer_in, taken).size(), taken);
    ASSERT_TRUE(rig().run_until([&] { return write.done(); }));
    EXPECT_GT(*write.result, 0);
}

TEST_P(EngineLifecycle, CancelAfterBytesCameLosesNone) {
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};
    read.start();
    rig().settle();
    write_all(link().peer_out, "kept");
    ASSERT_TRUE(wait_for(link().in, POLLIN));

    read.cancel();
    rig().settle();
    ASSERT_TRUE(read.done());
    if (read.result == -ECANCELED) {
        read.start();
        ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
    }

    EXPECT_EQ(read.text(), "kept");
}

TEST_P(EngineLifecycle, CompletionMayCancelAnotherOperation) {
    const io::Slot in = rig().attach(link().in);
    Op write{rig(), OperationKind::write, link().out == link().in ? in : rig().attach(link().out), 4};
    Op read{rig(), OperationKind::read, in, 64};
    write.then = [&](Op&) { read.cancel(); };

    write.start();
    read.start();
    rig().settle();

    EXPECT_EQ(write.result, 4);
    EXPECT_EQ(read.result, -ECANCELED);
}

TEST_P(EngineLifecycle, HangUpEndsAWaitingRead) {
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};
    read.start();
    rig().settle();

    link().close_peer();

    ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
    EXPECT_EQ(read.result, 0);
    for (int again = 0; again < 3; ++again) {
        read.start();
        ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
        EXPECT_EQ(read.result, 0);
    }
}

TEST_P(EngineLifecycle, BytesBeforeAHangUpAreDeliveredFirst) {
    for (const bool waiting_before : {false, true}) {
        Link doomed = std::get<1>(GetParam()).open();
        // A tty discards its input when its master goes, as it does on a real hang-up: the end may come without the
        // bytes.
        const bool may_discard = std::get<1>(GetParam()).name == "tty";
        Op read{rig(), OperationKind::read, rig().attach(doomed.in), 64};
        if (waiting_before) {
            read.start();
            rig().settle();
        }
        write_all(doomed.peer_out, "last words");
        ASSERT_TRUE(wait_for(doomed.in, POLLIN));
        doomed.close_peer();
        if (!waiting_before) read.start();

        ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
        if (!may_discard || read.result != 0) {
            ASSERT_EQ(read.text(), "last words");
            read.start();
            ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
        }
        EXPECT_EQ(read.result, 0);
        rig()->detach(read.raw.slot);
    }
}

TEST_P(EngineLifecycle, HangUpEndsAWaitingWrite) {
    Op write{rig(), OperationKind::write, rig().attach(link().out), 4096};
    fill(write);

    link().close_peer();

    // A pty's master may find some room first: what was on its way is discarded.
    write.then = [](Op& op) {
        if (*op.result > 0) op.start();
    };
    ASSERT_TRUE(rig().run_until([&] { return write.done(); }));
    EXPECT_TRUE(write.result == -EIO || write.result == -EPIPE || write.result == -ECONNRESET) << *write.result;
}

TEST_P(EngineLifecycle, DeviceGoneInTheMiddleOfALongWriteEndsIt) {
    Sender sender{rig(), rig().attach(link().out), pattern(8 << 20)};
    rig().settle();
    const std::string arrived = read_exactly(link().peer_in, 1000);
    rig().settle();
    ASSERT_FALSE(sender.done());

    link().close_peer();

    ASSERT_TRUE(rig().run_until([&] { return sender.done(); }));
    const ssize_t failure = sender.failure.value_or(0);
    EXPECT_TRUE(failure == -EIO || failure == -EPIPE || failure == -ECONNRESET) << failure;
    EXPECT_EQ(arrived, pattern(8 << 20).substr(0, 1000));
}

TEST_P(EngineLifecycle, EndBehindTheLastBytesIsNoticedThoughBothCameBeforeTheRead) {
    if (std::get<1>(GetParam()).name != "socket") GTEST_SKIP() << "only a socket ends and stays open";
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};
    rig().settle();
    write_all(link().peer_out, "over");
    ASSERT_EQ(::shutdown(link().peer_out, SHUT_WR), 0);

    read.start();
    ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
    EXPECT_EQ(read.text(), "over");
    read.start();
    ASSERT_TRUE(rig().run_until([&] { return read.done(); }));

    EXPECT_EQ(read.result, 0);
}

TEST_P(EngineLifecycle, LeavesTheDescriptorsFlagsAsTheyWere) {
    const int before = ::fcntl(link().in, F_GETFL);

    const io::Slot slot = rig().attach(link().in);
    const int meanwhile = ::fcntl(link().in, F_GETFL);
    rig()->detach(slot);

    EXPECT_EQ(meanwhile & O_NONBLOCK, O_NONBLOCK);
    EXPECT_EQ(::fcntl(link().in, F_GETFL), before);
}

TEST_P(EngineLifecycle, DetachLetsGoOfTheDescriptorAtOnce) {
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};
    read.start();
    rig().settle();
    read.cancel();
    rig().drain();
    Op write{rig(), OperationKind::write, link().out == link().in ? read.raw.slot : rig().attach(link().out), 4096};
    fill(write);
    write.cancel();
    rig().drain();

    rig()->detach(read.raw.slot);
    if (link().out != link().in) rig()->detach(write.raw.slot);
    link().close_served();

    pollfd hang_up{.fd = link().peer_out, .events = 0, .revents = 0};
    EXPECT_EQ(::poll(&hang_up, 1, 0), 1) << "close() has not closed: something still holds the open file";
    EXPECT_NE(hang_up.revents & (POLLHUP | POLLERR), 0);
}

TEST_P(EngineLifecycle, DescriptorNumbersAndSlotsAreReused) {
    for (int round = 0; round < 200; ++round) {
        Link fresh = std::get<1>(GetParam()).open();
        Op read{rig(), OperationKind::read, rig().attach(fresh.in), 64};
        read.start();
        if (round % 3 == 0) rig().settle();
        const std::string sent = "round " + std::to_string(round);
        write_all(fresh.peer_out, sent);
        if (round % 2 == 0) {
            ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
            ASSERT_EQ(read.text(), sent);
        } else {
            read.cancel();  // its bytes, and the kernel's report of them, belong to nobody
            rig().drain();
            ASSERT_TRUE(read.done());
        }
        rig()->detach(read.raw.slot);
    }
}

TEST_P(EngineLifecycle, OperationMayBeFreedInItsCompletion) {
    struct Mortal {
        io::Operation op;
        std::array<std::byte, 16> buffer{};
        int* deaths = nullptr;
    };
    const io::Slot slot = rig().attach(link().in);
    int deaths = 0;

    for (int round = 0; round < 50; ++round) {
        auto* mortal = new Mortal;
        mortal->deaths = &deaths;
        mortal->op = {OperationKind::read, slot, mortal->buffer.data(), mortal->buffer.size()};
        mortal->op.owner = mortal;
        mortal->op.complete = [](io::Operation& op, ssize_t) noexcept {
            auto* self = static_cast<Mortal*>(op.owner);
            ++*self->deaths;
            delete self;
        };
        rig()->start(mortal->op);
        if (round % 2 == 0) {
            rig()->cancel(mortal->op);
        } else {
            write_all(link().peer_out, "x");
        }
        ASSERT_TRUE(rig().run_until([&] { return deaths == round + 1; }));
    }
}

TEST_P(EngineLifecycle, CompletionMayReplaceItsDescriptor) {
    Link next = std::get<1>(GetParam()).open();
    std::unique_ptr<Op> second;
    Op first{rig(), OperationKind::read, rig().attach(link().in), 64};
    first.then = [&](Op& op) {
        rig()->detach(op.raw.slot);
        link().close_served();
        second = std::make_unique<Op>(rig(), OperationKind::read, rig().attach(next.in), 64);
        second->start();
    };
    first.start();

    write_all(link().peer_out, "one");
    write_all(next.peer_out, "two");

    ASSERT_TRUE(rig().run_until([&] { return second && second->done(); }));
    EXPECT_EQ(first.text(), "one");
    EXPECT_EQ(second->text(), "two");
}

TEST_P(EngineLifecycle, GoesOnWhenAnotherThreadTakesOver) {
    Op read{rig(), OperationKind::read, rig().attach(link().in), 64};
    std::thread{[&] {
        read.start();
        rig().settle();
    }}.join();

    write_all(link().peer_out, "taken over");

    ASSERT_TRUE(rig().run_until([&] { return read.done(); }));
    EXPECT_EQ(read.text(), "taken over");
}

TEST_P(EngineLifecycle, RefusesADescriptorThatCouldBlockOrIsClosed) {
    std::array<int, 2> blocking{};
    ASSERT_EQ(::pipe(blocking.data()), 0);
    const base::Fd in{blocking[0]};
    base::Fd out{blocking[1]};
    const int closed = out.get();
    out.reset();

    const auto could_block = rig()->attach(in.get());
    const auto gone = rig()->attach(closed);

    ASSERT_FALSE(could_block);
    EXPECT_EQ(could_block.error().failure, Failure::invalid_argument);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().errno_value, EBADF);
}

TEST_P(EngineLifecycle, IsIdleWhenNothingIsOutstanding) {
    const io::Slot slot = rig().attach(link().in);
    Op read{rig(), OperationKind::read, slot, 64};
    read.start();
    rig().settle();

    EXPECT_FALSE(rig()->pending());
    EXPECT_FALSE(wait_for(rig()->wait_fd(), POLLIN, std::chrono::milliseconds{0}));
    EXPECT_EQ(rig().drain(), 0U);
    read.cancel();
    rig().drain();
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineLifecycle,
                         testing::Combine(testing::ValuesIn(engine_kinds()), testing::ValuesIn(link_kinds())),
                         case_name);

}  // namespace
}  // namespace vserd::test
