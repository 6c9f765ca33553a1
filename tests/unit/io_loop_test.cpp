#include "io/loop.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <vector>

#include "io/aio_engine.hpp"
#include "io/engine_select.hpp"
#include "io/epoll_engine.hpp"
#include "io/sigio_engine.hpp"
#include "io/uring_engine.hpp"
#include "support/pty.hpp"

namespace vserd::test {
namespace {

struct LoopEngine {
    std::string name;
    Result<std::unique_ptr<io::Engine>> (*create)();
};
std::ostream& operator<<(std::ostream& out, const LoopEngine& engine) { return out << engine.name; }

/// A loop, a pty whose tty end it serves, and a read on it.
class LoopTest : public testing::TestWithParam<LoopEngine> {
protected:
    void SetUp() override {
        auto engine = GetParam().create();
        if (!engine) GTEST_SKIP() << engine.error().message;
        loop_ = std::make_unique<io::Loop>(std::move(*engine));
        pty_ = open_pty();
        slot_ = loop_->engine().attach(pty_.slave.get()).value();
    }

    io::Loop& loop() { return *loop_; }

    /// Starts a read whose completion stores its result and runs `then`.
    void start_read(std::function<void()> then) {
        then_ = std::move(then);
        read_ = {io::OperationKind::read, slot_, buffer_.data(), buffer_.size()};
        read_.owner = this;
        read_.complete = [](io::Operation& op, ssize_t result) noexcept {
            auto& self = *static_cast<LoopTest*>(op.owner);
            self.result_ = result;
            self.then_();
        };
        loop().engine().start(read_);
    }

    std::unique_ptr<io::Loop> loop_;
    io::Pty pty_;
    io::Slot slot_ = 0;
    io::Operation read_;
    std::array<std::byte, 4096> buffer_{};
    ssize_t result_ = -1;
    std::function<void()> then_;
};

TEST_P(LoopTest, PostsFromManyThreadsAllRunOnTheIoThread) {
    constexpr int threads = 4;
    constexpr int posts = 2000;
    int ran = 0;  // only the io thread touches it
    bool elsewhere = false;
    std::vector<std::thread> posters;

    for (int i = 0; i < threads; ++i) {
        posters.emplace_back([&] {
            for (int j = 0; j < posts; ++j) {
                loop().post([&] {
                    elsewhere = elsewhere || !loop().in_loop_thread();
                    if (++ran == threads * posts) loop().stop();
                });
            }
        });
    }
    loop().run();
    for (auto& poster : posters) poster.join();

    EXPECT_EQ(ran, threads * posts);
    EXPECT_FALSE(elsewhere);
    std::thread{[&] { EXPECT_FALSE(loop().in_loop_thread()); }}.join();
}

TEST_P(LoopTest, CallsRunInOrder) {
    std::vector<int> order;
    for (int i = 0; i < 100; ++i) loop().post_call([&, i] { order.push_back(i); });
    loop().post_call([&] { loop().stop(); });

    loop().run();

    ASSERT_EQ(order.size(), 100U);
    EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_P(LoopTest, OtherWorkComesBetweenManyCalls) {
    constexpr int calls = 10'000;
    int ran = 0;
    int ran_before_the_post = calls;
    for (int i = 0; i < calls; ++i) {
        loop().post_call([&] {
            if (++ran == calls) loop().stop();
        });
    }
    loop().post([&] { ran_before_the_post = ran; });

    loop().run();

    EXPECT_LE(ran_before_the_post, 16);
    EXPECT_EQ(ran, calls);
}

TEST_P(LoopTest, BytesComeBetweenCallsThatTakeLong) {
    constexpr int calls = 200;
    int ran = 0;
    int ran_before_the_bytes = -1;
    start_read([&] { ran_before_the_bytes = ran; });
    write_all(pty_.master.get(), "bytes");
    for (int i = 0; i < calls; ++i) {
        loop().post_call([&] {
            const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
            while (std::chrono::steady_clock::now() < end) continue;
            if (++ran == calls) loop().stop();
        });
    }

    loop().run();

    EXPECT_GE(ran_before_the_bytes, 0);
    EXPECT_LT(ran_before_the_bytes, calls / 2);
}

TEST_P(LoopTest, BytesWakeASleepingLoop) {
    std::thread io_thread{[&] {
        start_read([&] { loop().stop(); });
        loop().run();
    }};

    write_all(pty_.master.get(), "wake up");
    io_thread.join();

    EXPECT_EQ(result_, 7);
}

TEST_P(LoopTest, BytesAreNotMissedOverManySleeps) {
    constexpr int rounds_wanted = 2000;
    std::atomic<int> rounds{0};
    std::thread io_thread{[&] {
        start_read([&] {
            if (++rounds == rounds_wanted) {
                loop().stop();
            } else {
                loop().engine().start(read_);
            }
        });
        loop().run();
    }};
    std::thread nuisance{[&] {
        while (rounds < rounds_wanted) {
            loop().post([] {});
            std::this_thread::yield();
        }
    }};

    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (int round = 0; round < rounds_wanted; ++round) {
        write_all(pty_.master.get(), "x");
        while (rounds <= round && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
        if (rounds <= round) break;
    }
    const int seen = rounds.exchange(rounds_wanted);
    loop().stop();
    io_thread.join();
    nuisance.join();

    EXPECT_EQ(seen, rounds_wanted);
}

TEST_P(LoopTest, EndOfTurnComesOnceAfterEverythingThatIsReady) {
    std::vector<std::string> order;
    write_all(pty_.master.get(), "ready");
    ASSERT_TRUE(wait_for(pty_.slave.get(), POLLIN));
    start_read([&] {
        order.emplace_back("read");
        loop().at_end_of_turn([&] { order.emplace_back("end"); });
    });
    loop().post([&] { order.emplace_back("post"); });

    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (order.size() < 3 && std::chrono::steady_clock::now() < deadline) loop().poll_once();
    bool at_rest = false;  // soon: a signal of the C library's threads may come behind the bytes that it tells of
    while (!at_rest && std::chrono::steady_clock::now() < deadline) at_rest = !loop().poll_once();
    EXPECT_TRUE(at_rest);

    EXPECT_EQ(order, (std::vector<std::string>{"post", "read", "end"}));
}

TEST_P(LoopTest, EndOfTurnWorkMayAskForTheNextEndOfTurn) {
    int turns = 0;
    std::function<void()> again = [&] {
        if (++turns == 3) {
            loop().stop();
            return;
        }
        loop().at_end_of_turn(again);
    };

    loop().post([&] { loop().at_end_of_turn(again); });
    loop().run();

    EXPECT_EQ(turns, 3);
}

TEST_P(LoopTest, StopEndsRunFromAnyThreadAndRunMayBeCalledAgain) {
    for (int round = 0; round < 3; ++round) {
        std::thread stopper{[&] { loop().stop(); }};
        loop().run();
        stopper.join();
    }

    bool ran = false;
    loop().post([&] { ran = true; });
    EXPECT_TRUE(loop().poll_once());
    EXPECT_TRUE(ran);
}

TEST_P(LoopTest, TimersAndPostsGetTheirTurnWhileBytesPour) {
    std::atomic<bool> over{false};
    bool fired = false;
    boost::asio::steady_timer timer{loop().context(), std::chrono::milliseconds{50}};
    timer.async_wait([&](const boost::system::error_code&) {
        fired = true;
        loop().stop();
    });
    std::thread device{[&] {
        const std::string bytes = pattern(4096);
        while (!over) {
            const bool stuck = ::write(pty_.master.get(), bytes.data(), bytes.size()) < 0;
            if (stuck) wait_for(pty_.master.get(), POLLOUT, std::chrono::milliseconds{10});
        }
    }};
    start_read([&] { loop().engine().start(read_); });

    loop().run();
    over = true;
    device.join();

    EXPECT_TRUE(fired);
}

TEST_P(LoopTest, PostsAreNotStarvedByAHandlerThatPostsItselfAgain) {
    bool over = false;
    std::function<void()> busy = [&] {
        if (!over) loop().post([&] { busy(); });
    };
    loop().post([&] { busy(); });
    start_read([&] {
        over = true;
        loop().stop();
    });
    write_all(pty_.master.get(), "through");

    loop().run();

    EXPECT_EQ(result_, 7);
}

TEST_P(LoopTest, WorkThatNeverRanIsDestroyedWithTheLoop) {
    auto token = std::make_shared<int>(1);
    loop().post([token] {});
    loop().at_end_of_turn([token] {});

    loop_.reset();

    EXPECT_EQ(token.use_count(), 1);
}

TEST(LoopEngines, ADescriptorThatTheFirstCannotServeGoesToTheNextAndBothAreServed) {
    io::Loop loop{io::SigioEngine::create().value(), io::next_engine};
    const base::Fd event{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    io::Pty pty = open_pty();
    struct Read {
        io::Operation op;
        std::array<std::byte, 8> buffer{};
        ssize_t result = 0;
        std::function<void()> then;
    };
    int waiting = 2;
    const auto start = [&](Read& read, const io::Attachment& place) {
        read.then = [&] {
            if (--waiting == 0) loop.stop();
        };
        read.op = {io::OperationKind::read, place.slot, read.buffer.data(), read.buffer.size()};
        read.op.owner = &read;
        read.op.complete = [](io::Operation& op, ssize_t result) noexcept {
            static_cast<Read*>(op.owner)->result = result;
            static_cast<Read*>(op.owner)->then();
        };
        place.engine->start(read.op);
    };

    const auto odd = loop.attach(event.get());
    const auto even = loop.attach(pty.slave.get());
    ASSERT_TRUE(odd && even);
    Read of_event;
    Read of_pty;
    start(of_event, *odd);
    start(of_pty, *even);
    std::thread peer{[&] {
        ::eventfd_write(event.get(), 1);
        write_all(pty.master.get(), "x");
    }};
    loop.run();
    peer.join();

    EXPECT_EQ(odd->engine->name(), "epoll");
    EXPECT_EQ(odd->refusals, "sigio: FIOASYNC: ENOTTY; the device does not support asynchronous notification");
    EXPECT_EQ(even->engine, &loop.engine());
    EXPECT_EQ(even->refusals, "");
    EXPECT_EQ(of_event.result, 8);
    EXPECT_EQ(of_pty.result, 1);
}

TEST(LoopEngines, WithoutASuccessorTheReasonIsTheError) {
    io::Loop loop{io::SigioEngine::create().value()};
    const base::Fd event{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};

    const auto attached = loop.attach(event.get());

    ASSERT_FALSE(attached);
    EXPECT_EQ(attached.error().failure, Failure::unsupported);
    EXPECT_EQ(attached.error().message,
              "sigio: FIOASYNC: ENOTTY; the device does not support asynchronous notification");
}

TEST(LoopEngines, ADescriptorThatNoneCanServeIsRefusedWithEveryReason) {
    io::Loop loop{io::SigioEngine::create().value(), io::next_engine};
    const base::Fd file{::open("/proc/self/exe", O_RDONLY | O_NONBLOCK | O_CLOEXEC)};

    const auto attached = loop.attach(file.get());

    ASSERT_FALSE(attached);
    EXPECT_THAT(attached.error().message, testing::AllOf(testing::HasSubstr("sigio: epoll_ctl: EPERM"),
                                                         testing::HasSubstr("; epoll_ctl: EPERM")));
}

INSTANTIATE_TEST_SUITE_P(Engines, LoopTest,
                         testing::Values(LoopEngine{"io_uring", [] { return io::UringEngine::create(); }},
                                         LoopEngine{"sigio", [] { return io::SigioEngine::create(); }},
                                         LoopEngine{"epoll", [] { return io::EpollEngine::create(); }},
                                         LoopEngine{"aio", [] { return io::AioEngine::create(); }}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace vserd::test
