// The simulated devices: pacing, modem lines, faults, unplugging.

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include "line/line.hpp"
#include "port/device.hpp"
#include "sim/sim_control.hpp"
#include "support/pty.hpp"
#include "support/settings.hpp"

namespace vserd::sim {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

std::unique_ptr<line::Line> open_sim(std::string_view device, const line::Settings& settings = {}) {
    auto opened = port::open_line(device, test::valid(settings));
    if (!opened) throw std::runtime_error(opened.error().message);
    return *std::move(opened);
}

/// An id that no test has used: a device with an id lives as long as the process.
std::string fresh_id() {
    static int count = 0;
    return "device-" + std::to_string(++count);
}

std::string echo(const line::Line& line, std::string_view bytes) {
    test::write_all(line.fd(), bytes);
    return test::read_exactly(line.fd(), bytes.size());
}

double echo_ms(const line::Line& line, std::size_t bytes) {
    const auto began = Clock::now();
    echo(line, test::pattern(bytes));
    return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

/// The fastest of at most ten, of which one within `limit_ms` is enough: on a busy machine each of them may be late.
double fastest_echo_ms(line::Line& line, std::size_t bytes, double limit_ms) {
    double fastest = echo_ms(line, bytes);
    for (int tries = 1; fastest > limit_ms && tries < 10; ++tries) fastest = std::min(fastest, echo_ms(line, bytes));
    return fastest;
}

std::string read_until(const line::Line& line, std::string_view wanted) {
    std::string all;
    while (!all.ends_with(wanted)) {
        const auto more = test::read_exactly(line.fd(), 1);
        if (more.empty()) return all + "<hang-up>";
        all += more;
    }
    return all;
}

TEST(SimPacing, TakesTheTimeThatBaudImplies) {
    const auto line = open_sim("sim:echo", {115200, {}});

    const double took_ms = fastest_echo_ms(*line, 2048, 300);

    EXPECT_GE(took_ms, 177.7);  // 2048 characters of 10 bits
    EXPECT_LE(took_ms, 300);
}

TEST(SimPacing, TakesTheTimeThatTheFormatImplies) {
    const auto line = open_sim("sim:echo", {9600, *line::parse_format("8E2")});

    const double took_ms = fastest_echo_ms(*line, 96, 250);

    EXPECT_GE(took_ms, 120);  // 96 characters of 12 bits
    EXPECT_LE(took_ms, 250);
}

TEST(SimPacing, FollowsAChangeOfBaud) {
    const auto line = open_sim("sim:echo", {300, {}});
    ASSERT_TRUE(line->apply(test::valid({1'000'000, {}})));

    EXPECT_LE(fastest_echo_ms(*line, 1000, 500), 500);  // 33 s at the old speed
}

TEST(SimPacing, ReturnsASingleByteAfterItsOwnTime) {
    const auto line = open_sim("sim:echo", {115200, {}});
    std::array<double, 20> took_ms{};

    for (auto& took : took_ms) took = echo_ms(*line, 1);

    // Not after a burst's: the fastest of twenty shows it also on a loaded machine.
    EXPECT_LE(*std::min_element(took_ms.begin(), took_ms.end()), 5);
}

TEST(SimPacing, IsOffWhenUnpaced) {
    const auto line = open_sim("sim:echo?unpaced=1", {300, {}});

    EXPECT_LE(echo_ms(*line, 30000), 5000);  // a quarter of an hour at 300 baud
}

TEST(SimPacing, AcceptsOnlyALittleAheadOfTheWire) {
    const auto line = open_sim("sim:echo", {300, {}});
    const auto bytes = test::pattern(1 << 20);
    std::size_t accepted = 0;

    for (ssize_t count = 0; count >= 0; count = ::write(line->fd(), bytes.data(), 4096)) {
        accepted += static_cast<std::size_t>(count);
    }

    EXPECT_GT(accepted, 1000U);
    EXPECT_LT(accepted, 32768U);
    EXPECT_GT(*line->output_pending_bytes(), accepted / 2);
    ASSERT_TRUE(line->flush(line::FlushDirection::output));
    EXPECT_LE(*line->output_pending_bytes(), 1U);
}

TEST(SimEcho, ReturnsMegabytesIntactAndWaitsForASlowReader) {
    const auto line = open_sim("sim:echo?unpaced=1");
    const auto bytes = test::pattern(4 << 20);

    std::thread writer([&] { test::write_all(line->fd(), bytes); });
    const auto got = test::read_exactly(line->fd(), bytes.size());
    writer.join();

    EXPECT_TRUE(got == bytes);
}

TEST(SimEcho, KeepsOnlyTheDataBits) {
    const auto line = open_sim("sim:echo?unpaced=1", {9600, *line::parse_format("7E1")});

    EXPECT_EQ(echo(*line, "\xc1\xff\x41"), "\x41\x7f\x41");
}

TEST(SimEcho, LoopsTheModemWires) {
    const auto line = open_sim("sim:echo");

    EXPECT_EQ(line->status()->signals, (line::Signals{true, true, true, true, true, false}));
    EXPECT_EQ(*line->set_signals({.dtr = false, .rts = false}), line::Signals{});
    EXPECT_EQ(*line->set_signals({.rts = true}), (line::Signals{false, true, true, false, false, false}));
}

TEST(SimEcho, SendsNothingWhileTheHostIsNotReady) {
    const auto line = open_sim("sim:echo?unpaced=1", {9600, *line::parse_format("8N1/rtscts")});
    ASSERT_TRUE(line->set_signals({.rts = false}));

    test::write_all(line->fd(), "held");
    EXPECT_FALSE(test::wait_for(line->fd(), POLLIN, milliseconds(50)));
    ASSERT_TRUE(line->set_signals({.rts = true}));

    EXPECT_EQ(test::read_exactly(line->fd(), 4), "held");
}

TEST(SimEcho, ObeysXonAndXoff) {
    const auto line = open_sim("sim:echo?unpaced=1", {9600, *line::parse_format("8N1/xonxoff")});

    test::write_all(line->fd(), "\x13held");
    EXPECT_FALSE(test::wait_for(line->fd(), POLLIN, milliseconds(50)));
    test::write_all(line->fd(), "\x11");

    EXPECT_EQ(test::read_exactly(line->fd(), 4), "held");
}

TEST(SimEcho, HoldsItsBytesDuringABreak) {
    const auto line = open_sim("sim:echo?unpaced=1");
    ASSERT_TRUE(line->begin_break(std::chrono::milliseconds{20}));

    test::write_all(line->fd(), "after");
    EXPECT_FALSE(test::wait_for(line->fd(), POLLIN, milliseconds(50)));
    ASSERT_TRUE(line->end_break());

    EXPECT_EQ(test::read_exactly(line->fd(), 5), "after");
    EXPECT_EQ(line->status()->errors.breaks, 1U);
}

TEST(SimFaults, AreTheSameForTheSameSeed) {
    const std::string bytes(20000, '\0');
    const auto damaged = [&bytes](std::string_view device) {
        const auto line = open_sim(device, {9600, *line::parse_format("8E1")});
        auto got = echo(*line, bytes);
        return std::pair(std::move(got), line->status()->errors.parity);
    };

    const auto [first, first_errors] = damaged("sim:echo?unpaced=1&flip=0.01&seed=7");
    const auto [second, second_errors] = damaged("sim:echo?unpaced=1&flip=0.01&seed=7");
    const auto [other, other_errors] = damaged("sim:echo?unpaced=1&flip=0.01&seed=8");

    const auto flips = bytes.size() - static_cast<std::size_t>(std::ranges::count(first, '\0'));
    EXPECT_TRUE(first == second);
    EXPECT_FALSE(first == other);
    EXPECT_NEAR(static_cast<double>(flips), 200, 80);
    EXPECT_EQ(first_errors, flips);
}

TEST(SimFaults, CountWhatTheyDrop) {
    const auto line = open_sim("sim:echo?unpaced=1&drop=0.1");

    test::write_all(line->fd(), std::string(10000, 'x'));
    std::size_t got = 0;
    while (got + line->status()->errors.overrun < 10000) got += test::read_exactly(line->fd(), 1).size();

    EXPECT_NEAR(static_cast<double>(line->status()->errors.overrun), 1000, 200);
}

TEST(SimFaults, UnplugAfterSoManyBytes) {
    const auto line = open_sim("sim:echo?unpaced=1&unplug_after_bytes=1000");

    test::write_all(line->fd(), test::pattern(5000));

    EXPECT_EQ(test::read_exactly(line->fd(), 5000), test::pattern(1000));
    EXPECT_EQ(line->apply({}).error().errno_value, ENODEV);
}

TEST(SimFaults, FailTheFirstOpens) {
    const std::string device = "sim:echo?open_fails=2&id=" + fresh_id();

    EXPECT_EQ(port::open_line(device, {}).error().errno_value, ENODEV);
    EXPECT_EQ(port::open_line(device, {}).error().errno_value, ENODEV);
    EXPECT_TRUE(port::open_line(device, {}));
}

TEST(SimControl, UnplugsAndPlugs) {
    const auto id = fresh_id();
    const std::string device = "sim:echo?unpaced=1&id=" + id;
    auto line = open_sim(device);
    auto control = SimControl::find(id);
    ASSERT_TRUE(control);

    control->unplug();

    EXPECT_EQ(test::read_exactly(line->fd(), 1), "");
    EXPECT_EQ(line->status().error().errno_value, ENODEV);
    line.reset();
    EXPECT_EQ(port::open_line(device, {}).error().errno_value, ENODEV);
    control->plug();
    line = open_sim(device);
    EXPECT_EQ(echo(*line, "back"), "back");
}

TEST(SimControl, KnowsNoDeviceThatWasNeverOpened) { EXPECT_FALSE(SimControl::find("never")); }

TEST(SimControl, MovesWiresAndCountersAndStalls) {
    const auto id = fresh_id();
    const auto line = open_sim("sim:echo?unpaced=1&id=" + id);
    auto control = SimControl::find(id);

    control->force_dcd(false);
    control->set_ri(true);
    control->count_errors({.frame = 3, .parity = 2, .overrun = 1, .breaks = 4});
    control->stall(std::chrono::hours(1));

    EXPECT_EQ(line->status()->signals, (line::Signals{true, true, false, true, false, true}));
    EXPECT_EQ(line->status()->errors, (line::LineErrors{3, 2, 1, 4}));
    test::write_all(line->fd(), "late");
    EXPECT_FALSE(test::wait_for(line->fd(), POLLIN, milliseconds(50)));
    control->stall(milliseconds(0));
    EXPECT_EQ(test::read_exactly(line->fd(), 4), "late");
}

TEST(SimDevice, WithAnIdIsOneDevice) {
    const auto id = fresh_id();
    const auto first = open_sim("sim:echo?id=" + id);

    const auto second = port::open_line("sim:echo?id=" + id, {});
    const auto other_kind = port::open_line("sim:console?id=" + id, {});

    EXPECT_EQ(second.error().errno_value, EBUSY);
    EXPECT_EQ(other_kind.error().failure, Failure::invalid_argument);
}

TEST(SimDevice, WithoutAnIdIsAnotherDeviceEachTime) {
    const auto first = open_sim("sim:echo?unpaced=1");
    const auto second = open_sim("sim:echo?unpaced=1");

    EXPECT_EQ(echo(*first, "a"), "a");
    EXPECT_EQ(echo(*second, "b"), "b");
}

TEST(SimDevice, HundredsShareOneThread) {
    constexpr std::size_t count = 300;
    std::vector<std::unique_ptr<line::Line>> lines;
    for (std::size_t i = 0; i < count; ++i) lines.push_back(open_sim("sim:echo"));

    for (const auto& line : lines) test::write_all(line->fd(), "hello");

    for (const auto& line : lines) EXPECT_EQ(test::read_exactly(line->fd(), 5), "hello");
}

TEST(SimDevice, SurvivesOpenAndCloseFromManyThreads) {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([i] {
            for (int turn = 0; turn < 50; ++turn) {
                const auto line = open_sim(i % 2 == 0 ? "sim:console?unpaced=1" : "sim:echo");
                test::write_all(line->fd(), "uname\r");
                (void)line->apply(test::valid({turn % 2 == 0 ? 9600U : 1'000'000U, {}}));
                (void)line->flush(line::FlushDirection::both);
            }
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST(SimConsole, BootsAndAnswers) {
    const auto line = open_sim("sim:console", {1'000'000, {}});

    const auto boot = read_until(*line, "sim> ");
    test::write_all(line->fd(), "echo hello\r");
    const auto answer = read_until(*line, "\r\nsim> ");

    EXPECT_TRUE(boot.starts_with("[    0.000000] Booting simboard")) << boot;
    EXPECT_EQ(answer, "echo hello\r\nhello\r\nsim> ");
}

TEST(SimConsole, KeepsItsStateOverCloseAndOpen) {
    const std::string device = "sim:console?unpaced=1&id=" + fresh_id();
    {
        const auto line = open_sim(device);
        read_until(*line, "sim> ");
    }

    const auto line = open_sim(device);
    test::write_all(line->fd(), "uname\r");

    EXPECT_TRUE(read_until(*line, "\r\nsim> ").starts_with("uname\r\nSimulated")) << "it did not boot again";
}

TEST(SimConsole, UnplugsItselfWhenTold) {
    const std::string device = "sim:console?unpaced=1&id=" + fresh_id();
    auto line = open_sim(device);
    read_until(*line, "sim> ");

    test::write_all(line->fd(), "fault unplug 100ms\r");

    EXPECT_EQ(test::read_exactly(line->fd(), 1000), "fault unplug 100ms\r\nsim> ");
    line.reset();
    const auto refused = port::open_line(device, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().errno_value, ENODEV);
    EXPECT_NE(refused.error().message.find("back in"), std::string::npos) << refused.error().message;
    const auto deadline = Clock::now() + test::patience;
    while (!port::open_line(device, {}) && Clock::now() < deadline) std::this_thread::yield();
    EXPECT_TRUE(port::open_line(device, {}));
}

TEST(SimConsole, FloodsAMegabyteInOrderAndStopsAtCtrlC) {
    const auto line = open_sim("sim:console?unpaced=1");
    read_until(*line, "sim> ");

    test::write_all(line->fd(), "flood 1024\r");
    const auto echoed = test::read_exactly(line->fd(), 12);
    const auto flood = test::read_exactly(line->fd(), 1 << 20);

    EXPECT_EQ(echoed, "flood 1024\r\n");
    for (std::size_t i = 0; i < flood.size() / 64; ++i) {
        ASSERT_EQ(std::stoul(flood.substr(i * 64, 10)), i);
    }
    EXPECT_EQ(read_until(*line, "sim> "), "sim> ");
    test::write_all(line->fd(), "flood 1000000\r");
    test::read_exactly(line->fd(), 100000);
    test::write_all(line->fd(), "\x03");
    EXPECT_TRUE(read_until(*line, "sim> ").ends_with("^C\r\nsim> "));
}

}  // namespace
}  // namespace vserd::sim
