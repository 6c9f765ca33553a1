#include "port/worker_pool.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "io/engine_select.hpp"

namespace vserd::port {
namespace {

using namespace std::chrono_literals;

/// A call of which the test decides when it returns.
struct Call {
    std::promise<void> returns;
    bool done = false;
    bool overdue = false;
    std::optional<Error> refused;
};

class WorkerPoolTest : public ::testing::Test {
protected:
    ~WorkerPoolTest() override {
        for (auto& call : calls) release(*call);
    }

    Call& run(WorkerPool& pool, std::chrono::milliseconds limit) {
        Call& call = *calls.emplace_back(std::make_unique<Call>());
        pool.run({.work = [returned = call.returns.get_future().share()] { returned.wait(); },
                  .done = [&call] { call.done = true; },
                  .overdue = [&call] { call.overdue = true; },
                  .refused = [&call](const Error& error) { call.refused = error; },
                  .limit = limit});
        return call;
    }

    static void release(Call& call) {
        try {
            call.returns.set_value();
        } catch (const std::future_error&) {  // released already
        }
    }

    bool until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition() && std::chrono::steady_clock::now() < deadline) loop.poll_once();
        return condition();
    }

    io::Loop loop{std::move(io::select_engine("epoll").value().engine)};
    std::vector<std::unique_ptr<Call>> calls;
};

TEST_F(WorkerPoolTest, ACallThatTakesLongKeepsNoOtherWaiting) {
    WorkerPool pool(loop, {.threads_max = 2, .slow_max = 8, .slow_after = 5ms});
    for (int i = 0; i < 8; ++i) run(pool, 10s);

    Call& quick = run(pool, 10s);
    release(quick);

    EXPECT_TRUE(until([&] { return quick.done; }));
    EXPECT_FALSE(quick.overdue || quick.refused);
    for (int i = 0; i < 8; ++i) EXPECT_FALSE(calls[static_cast<std::size_t>(i)]->done);
}

TEST_F(WorkerPoolTest, ThreadsOfCallsThatReturnedLateAreGivenBack) {
    WorkerPool pool(loop, {.threads_max = 2, .slow_max = 8, .slow_after = 5ms});
    for (int i = 0; i < 10; ++i) run(pool, 10s);
    ASSERT_TRUE(until([&] { return pool.stats()->threads == 10; }));

    for (auto& call : calls) release(*call);

    EXPECT_TRUE(until([&] { return std::ranges::all_of(calls, [](auto& call) { return call->done; }); }));
    EXPECT_TRUE(until([&] { return pool.stats()->threads == 2; })) << pool.stats()->threads;
}

TEST_F(WorkerPoolTest, AHungCallIsReportedOnceAndStillEnds) {
    WorkerPool pool(loop, {.threads_max = 1, .slow_max = 1, .slow_after = 5ms});
    Call& hung = run(pool, 20ms);

    ASSERT_TRUE(until([&] { return hung.overdue; }));
    EXPECT_FALSE(hung.done);
    EXPECT_EQ(pool.stats()->hung, 1U);
    release(hung);

    EXPECT_TRUE(until([&] { return hung.done; }));
    EXPECT_TRUE(until([&] { return pool.stats()->hung == 0; }));
}

TEST_F(WorkerPoolTest, ACallForWhichNoThreadIsLeftIsRefused) {
    WorkerPool pool(loop, {.threads_max = 1, .slow_max = 1, .slow_after = 5ms});
    run(pool, 10s);
    run(pool, 10s);
    Call& third = run(pool, 20ms);

    ASSERT_TRUE(until([&] { return third.refused.has_value(); }));

    EXPECT_EQ(third.refused->failure, Failure::exhausted);
    EXPECT_FALSE(third.done || third.overdue);
    EXPECT_EQ(pool.stats()->refused, 1U);
}

/// While it lives the system gives no thread.
class NoThreads {
public:
    NoThreads() {
        ::pthread_getattr_default_np(&before_);
        pthread_attr_t huge;
        ::pthread_attr_init(&huge);
        ::pthread_attr_setstacksize(&huge, std::size_t{1} << 60U);
        ::pthread_setattr_default_np(&huge);
        ::pthread_attr_destroy(&huge);
    }
    ~NoThreads() {
        ::pthread_setattr_default_np(&before_);
        ::pthread_attr_destroy(&before_);
    }
    NoThreads(const NoThreads&) = delete;
    NoThreads& operator=(const NoThreads&) = delete;

private:
    pthread_attr_t before_{};
};

TEST_F(WorkerPoolTest, AThreadThatCannotBeStartedIsAnErrorAndLaterCallsRun) {
    WorkerPool pool(loop, {.threads_max = 1, .slow_max = 1, .slow_after = 5ms});
    {
        const NoThreads limit;
        Call& call = run(pool, 20ms);
        ASSERT_TRUE(until([&] { return call.refused.has_value(); }));
        EXPECT_EQ(call.refused->failure, Failure::io);
        EXPECT_NE(call.refused->message.find("starting a thread"), std::string::npos) << call.refused->message;
    }

    Call& later = run(pool, 10s);
    release(later);

    EXPECT_TRUE(until([&] { return later.done; }));
}

}  // namespace
}  // namespace vserd::port
