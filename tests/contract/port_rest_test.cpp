// A port that rests between reads, because the daemon makes many small ones.
#include <fcntl.h>
#include <poll.h>

#include "base/fd.hpp"
#include "contract/port_fixture.hpp"
#include "hub/session.hpp"
#include "support/patience.hpp"
#include "support/pty.hpp"

namespace vserd {
namespace {

class RestTest : public HubTest {
protected:
    void SetUp() override {
        HubTest::SetUp();
        if (IsSkipped()) return;
        channel_ = &online_port();
        recorder_.start(*channel_, hub::StartLive{});
        device_ = base::Fd{::open(pty_->path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY)};
    }

    /// As if other ports were read that often.
    void make_many_reads() {
        while (!loop_->count_small_read()) continue;
    }

    std::uint64_t received() const { return channel_->port().stats()->rx_bytes; }

    /// Turns the engine alone, without timers, so that no rest ends. Returns whether `bytes` arrive until the limit.
    bool arrive_without_ticks(std::uint64_t bytes, std::chrono::milliseconds limit) {
        const auto deadline = std::chrono::steady_clock::now() + limit;
        while (received() < bytes && std::chrono::steady_clock::now() < deadline) {
            if (loop_->engine().drain() == 0) ::usleep(200);
        }
        return received() == bytes;
    }

    void write_to_terminal(std::string_view text) {
        test::write_all(pty_->master.get(), text);
        ASSERT_TRUE(test::wait_for(device_.get(), POLLIN));
    }

    /// The port has just read something, and rests. The device has sent one byte since.
    void rest() {
        for (bool rests = false; !rests;) {
            const auto before = received();
            make_many_reads();
            device_sends("x");
            ASSERT_TRUE(until([&] { return received() == before + 1; }));
            write_to_terminal("y");
            rests = !arrive_without_ticks(before + 2, std::chrono::milliseconds{50});
        }
    }

    hub::Channel* channel_ = nullptr;
    Recorder recorder_;
    base::Fd device_;  ///< sees what the port has not read
};

TEST_P(RestTest, ThePortReadsAgainByItself) {
    rest();

    EXPECT_TRUE(until([&] { return recorder_.text.ends_with("xy"); }));
}

TEST_P(RestTest, AWriteEndsTheRestAndKeepsThePortAwake) {
    rest();
    const auto before = received();
    hub::Session session{*hub_, {}};
    auto handle = std::move(session.open("p").value());
    Write write("w");
    handle.submit(write.pending);

    EXPECT_TRUE(arrive_without_ticks(before + 1, test::patience));

    make_many_reads();
    write_to_terminal("z");
    EXPECT_TRUE(arrive_without_ticks(before + 2, test::patience));
    write_to_terminal("z");
    EXPECT_TRUE(arrive_without_ticks(before + 3, test::patience));
}

TEST_P(RestTest, WhatArrivesDuringARestComesBeforeTheYield) {
    rest();
    hub::Session session{*hub_, {}};
    auto handle = std::move(session.open("p").value());

    const auto yielded = reply_of<void>([&](const port::Reply<void>& reply) { handle.yield("flash", reply); });

    EXPECT_TRUE(yielded);
    EXPECT_TRUE(until([&] { return recorder_.text.ends_with("xy"); }));
    ASSERT_EQ(recorder_.count<port::WentOffline>(), 1U);
    EXPECT_EQ(recorder_.events.back().offset, *recorder_.next_offset);
}

/// Not with aio, whose threads read while the call on the line runs, after a rest or without one.
class RestOrderTest : public RestTest {};

TEST_P(RestOrderTest, WhatArrivesDuringARestComesBeforeNewSettings) {
    rest();
    hub::Session session{*hub_, {}};
    auto handle = std::move(session.open("p").value());

    const auto changed = reply_of<line::Settings>(
        [&](const port::Reply<line::Settings>& reply) { handle.change_settings({.baud = 9600}, soon(), reply); });

    EXPECT_TRUE(changed);
    EXPECT_TRUE(recorder_.text.ends_with("xy"));
    ASSERT_EQ(recorder_.count<port::SettingsChanged>(), 1U);
    EXPECT_EQ(recorder_.events.back().offset, *recorder_.next_offset);
}

TEST_P(RestTest, AFastPortDoesNotRest) {
    hub::Session session{*hub_, {}};
    auto handle = std::move(session.open("p").value());
    ASSERT_TRUE(reply_of<line::Settings>(
        [&](const port::Reply<line::Settings>& reply) { handle.change_settings({.baud = 921'600}, soon(), reply); }));
    make_many_reads();

    for (int i = 1; i <= 3; ++i) {
        write_to_terminal("z");
        EXPECT_TRUE(arrive_without_ticks(static_cast<std::uint64_t>(i), test::patience));
    }
}

TEST_P(RestTest, ThePortMayBeRemovedDuringARest) {
    rest();

    hub_->apply({});

    EXPECT_TRUE(until([&] { return hub_->find("p") == nullptr; }));
    recorder_.detach();
    const auto end = std::chrono::steady_clock::now() + 2 * io::ReadRest::period;
    EXPECT_TRUE(until([&] { return std::chrono::steady_clock::now() >= end; }));
}

INSTANTIATE_TEST_SUITE_P(Engines, RestOrderTest, testing::Values("io_uring", "sigio", "epoll"),
                         [](const auto& each) { return each.param; });
INSTANTIATE_TEST_SUITE_P(Engines, RestTest, testing::Values("io_uring", "sigio", "epoll", "aio"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace vserd
