// What the SIGIO engine alone has: a queue that overflows, devices without notification, and a thread that it belongs to.

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <thread>

#include "contract/engine_rig.hpp"
#include "io/engine_signals.hpp"
#include "io/sigio_engine.hpp"

namespace vserd::test {
namespace {

using io::OperationKind;

class EngineSigio : public testing::Test {
protected:
    Rig rig_{io::SigioEngine::create().value()};
};

TEST_F(EngineSigio, ReadsEveryDescriptorWhenTheQueueOverflows) {
    const ScopedLimit none{RLIMIT_SIGPENDING, 0};
    ASSERT_NE(::sigqueue(::getpid(), io::sigio_signal(), {}), 0) << "the queue has room";
    io::Pty first = open_pty();
    io::Pty second = open_pty();
    Op read_first{rig_, OperationKind::read, rig_.attach(first.slave.get()), 64};
    Op read_second{rig_, OperationKind::read, rig_.attach(second.slave.get()), 64};
    read_first.start();
    read_second.start();
    rig_.settle();

    write_all(first.master.get(), "first");
    write_all(second.master.get(), "second");

    ASSERT_TRUE(rig_.run_until([&] { return read_first.done() && read_second.done(); }));
    EXPECT_EQ(read_first.text(), "first");
    EXPECT_EQ(read_second.text(), "second");
}

TEST_F(EngineSigio, RefusesADeviceThatCannotNotifyAndLetsGoOfIt) {
    const base::Fd event{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};

    for (int again = 0; again < 2; ++again) {
        const auto slot = rig_->attach(event.get());

        ASSERT_FALSE(slot);
        EXPECT_EQ(slot.error().failure, Failure::unsupported);
        EXPECT_EQ(slot.error().message,
                  "sigio: FIOASYNC: ENOTTY; the device does not support asynchronous notification");
    }
}

TEST_F(EngineSigio, OneServesAThreadAndAnotherThreadMayHaveItsOwn) {
    const auto second = io::SigioEngine::create();
    bool elsewhere = false;
    std::thread{[&] { elsewhere = io::SigioEngine::create().has_value(); }}.join();

    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message, "sigio: this thread already has a sigio engine");
    EXPECT_TRUE(elsewhere);
}

TEST_F(EngineSigio, SignalsOfADescriptorThatIsGoneAreNobodys) {
    io::Pty gone = open_pty();
    const io::Slot slot = rig_.attach(gone.slave.get());
    write_all(gone.master.get(), "never read");
    rig_->detach(slot);
    gone = {};

    rig_.settle();

    EXPECT_FALSE(rig_->pending());
}

}  // namespace
}  // namespace vserd::test
