#include <gtest/gtest.h>

#include <string>

#include "line/line.hpp"
#include "port/device.hpp"
#include "sim/byte_fifo.hpp"
#include "sim/character_clock.hpp"
#include "sim/sim_boot_log.hpp"
#include "sim/sim_console.hpp"
#include "sim/sim_spec.hpp"

namespace vserd::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(CheckDevice, TakesAbsolutePathsAndKnownSimulators) {
    for (const auto* device : {"/dev/ttyUSB0", "/dev/vser0", "/dev/serial/by-id/usb-x", "sim:echo", "sim:console",
                               "sim:esp", "sim:replay?file=/a/b.capture&speed=max&loop=1", "sim:echo?",
                               "sim:console?id=lab-1&drop=0.01&seed=7&unpaced=1"}) {
        EXPECT_TRUE(port::check_device(device)) << device;
    }
}

TEST(CheckDevice, NamesWhatIsWrong) {
    const auto message = [](std::string_view device) {
        const auto checked = port::check_device(device);
        if (checked) return std::string("accepted");
        EXPECT_EQ(checked.error().failure, Failure::invalid_argument);
        EXPECT_EQ(checked.error().subject, "device");
        return checked.error().message;
    };

    EXPECT_NE(message("").find("empty"), std::string::npos);
    EXPECT_NE(message("ttyS0").find("absolute path"), std::string::npos);
    EXPECT_NE(message(std::string_view("/dev/tty\0S0", 11)).find("NUL"), std::string::npos);
    EXPECT_NE(message("sim:").find("sim:echo, sim:console, sim:esp or sim:replay"), std::string::npos);
    EXPECT_NE(message("sim:ehco").find("sim:ehco"), std::string::npos);
    EXPECT_NE(message("sim:echo?speed=1").find("'speed': no such parameter"), std::string::npos);
    EXPECT_NE(message("sim:echo?unpaced=yes").find("'unpaced'"), std::string::npos);
    EXPECT_NE(message("sim:echo?drop=1.5").find("'drop'"), std::string::npos);
    EXPECT_NE(message("sim:echo?drop=nan").find("'drop'"), std::string::npos);
    EXPECT_NE(message("sim:echo?flip=").find("'flip'"), std::string::npos);
    EXPECT_NE(message("sim:echo?seed=-1").find("'seed'"), std::string::npos);
    EXPECT_NE(message("sim:echo?id=a b").find("'id'"), std::string::npos);
    EXPECT_NE(message("sim:echo?unplug_for=2h").find("'unplug_for'"), std::string::npos);
    EXPECT_NE(message("sim:echo?open_fails=2").find("needs an id"), std::string::npos);
    EXPECT_NE(message("sim:replay").find("needs the file of a capture"), std::string::npos);
    EXPECT_NE(message("sim:replay?file=a.capture").find("'file': 'a.capture' is not the absolute path"),
              std::string::npos);
    EXPECT_NE(message("sim:replay?file=/a&speed=0").find("'speed': '0' is not a speed: write max, or a factor"),
              std::string::npos);
    EXPECT_NE(message("sim:replay?file=/a&loop=yes").find("'loop'"), std::string::npos);
    EXPECT_NE(message("sim:echo?&").find("''"), std::string::npos);
}

TEST(SimSpec, HoldsEveryParameter) {
    const auto spec = parse_sim_spec(
        "sim:console?id=a.b_c-1&unpaced=1&drop=0.25&flip=1&seed=18446744073709551615&unplug_after_bytes=9&unplug_for="
        "250ms"
        "&en_rise=120ms&open_fails=3&hangs=signals&hang_for=2s");

    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->model, SimModel::console);
    EXPECT_EQ(spec->id, "a.b_c-1");
    EXPECT_TRUE(spec->unpaced);
    EXPECT_EQ(spec->faults.drop, 0.25);
    EXPECT_EQ(spec->faults.flip, 1);
    EXPECT_EQ(spec->seed, 18446744073709551615U);
    EXPECT_EQ(spec->unplug_after_bytes, 9U);
    EXPECT_EQ(spec->unplug_for, milliseconds(250));
    EXPECT_EQ(spec->en_rise, milliseconds(120));
    EXPECT_EQ(spec->open_fails, 3U);
    EXPECT_EQ(spec->hangs, SimHang::signals);
    EXPECT_EQ(spec->hang_for, milliseconds(2000));
}

TEST(SimSpec, AReplayIsOneDeviceWithTheTimesOfItsCapture) {
    const auto spec = parse_sim_spec("sim:replay?file=/a/b&speed=0.5&loop=1");

    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_EQ(spec->model, SimModel::replay);
    EXPECT_EQ(spec->replay.file, "/a/b");
    EXPECT_EQ(spec->replay.speed, 0.5);
    EXPECT_TRUE(spec->replay.loop);
    EXPECT_TRUE(spec->unpaced);
    EXPECT_EQ(spec->id, "sim:replay?file=/a/b&speed=0.5&loop=1");
    EXPECT_EQ(parse_sim_spec("sim:replay?file=/a&id=x&speed=max")->id, "x");
    EXPECT_EQ(parse_sim_spec("sim:replay?file=/a&id=x&speed=max")->replay.speed, 0);
}

TEST(ByteFifo, KeepsOrderAcrossTheWrap) {
    ByteFifo fifo(5);
    std::array<std::byte, 8> place{};
    fifo.push("abcd");
    ASSERT_EQ(fifo.pop(std::span(place).first(3)), 3U);

    fifo.push("efgh");

    EXPECT_EQ(fifo.room(), 0U);
    ASSERT_EQ(fifo.pop(place), 5U);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(place.data()), 5), "defgh");
    EXPECT_EQ(fifo.pop(place), 0U);
}

TEST(CharacterClock, KeepsTheRateHoweverLateItIsAsked) {
    const auto character = character_time({115200, {}});
    const CharacterClock::Time start{};
    CharacterClock clock;
    std::size_t passed = clock.due(start, character);

    for (auto now = start; now < start + seconds(1); now += microseconds(777)) {
        const auto due = clock.due(now, character);
        clock.pass(due, character);
        passed += due;
    }

    EXPECT_NEAR(static_cast<double>(passed), 11520, 12);
}

TEST(CharacterClock, OwesNothingForTheTimeThatItStoodStill) {
    const nanoseconds character{1000};
    const CharacterClock::Time start{};
    CharacterClock clock;
    clock.due(start, character);
    clock.stop();

    EXPECT_EQ(clock.due(start + seconds(1), character), 0U);
    EXPECT_EQ(clock.due(start + seconds(1) + nanoseconds(2500), character), 2U);
}

TEST(CharacterTime, FollowsBaudAndFormatAndIsNeverZero) {
    EXPECT_EQ(character_time({9600, *line::parse_format("8N1")}), nanoseconds(1041666));
    EXPECT_EQ(character_time({300, *line::parse_format("7E2")}), nanoseconds(36666666));
    EXPECT_EQ(character_time({1, *line::parse_format("8E2")}), seconds(12));
    EXPECT_GE(character_time({0xffffffff, {}}), nanoseconds(1));
}

/// A console without a wire: typed text goes in, what it prints comes out.
class SimConsoleTest : public ::testing::Test {
protected:
    void SetUp() override {
        state_.settings = {9600, *line::parse_format("7E1")};
        state_.dtr = true;
    }
    std::string boot() {
        console_.power_on(now_);
        return output();
    }
    std::string type(std::string_view text) {
        console_.receive(std::as_bytes(std::span(text)), now_);
        return output();
    }
    std::string output() {
        std::string all;
        for (std::array<std::byte, 512> place{};;) {
            console_.refill(now_);
            const auto count = console_.output().pop(place);
            if (count == 0) return all;
            all.append(reinterpret_cast<const char*>(place.data()), count);
        }
    }

    SimState state_;
    SimConsole console_{state_, /*unpaced=*/true};
    SimTime now_{};
};

TEST_F(SimConsoleTest, BootsToAPrompt) {
    const auto printed = boot();

    EXPECT_TRUE(printed.starts_with("[    0.000000] Booting simboard"));
    EXPECT_TRUE(printed.ends_with("\r\nsim> ")) << printed;
}

TEST_F(SimConsoleTest, PausesWhileItBootsUnlessUnpaced) {
    SimConsole paced(state_, /*unpaced=*/false);
    paced.power_on(now_);
    paced.refill(now_);

    const auto first = paced.output().size();
    const auto next = paced.next_event();

    ASSERT_TRUE(next);
    EXPECT_GT(*next, now_);
    paced.refill(*next - milliseconds(1));
    EXPECT_EQ(paced.output().size(), first);
    paced.refill(*next);
    EXPECT_GT(paced.output().size(), first);
}

TEST_F(SimConsoleTest, EchoesAndAnswers) {
    boot();

    EXPECT_EQ(type("echo  a  b \r"), "echo  a  b \r\na  b\r\nsim> ");
    EXPECT_EQ(type("baud\n"), "baud\r\n9600 7E1\r\nsim> ");
    EXPECT_EQ(type("signals\r\n"), "signals\r\nfrom you: DTR=on RTS=off; to you: CTS=on DSR=on DCD=on RI=off\r\nsim> ");
    EXPECT_EQ(type("\r"), "\r\nsim> ");
    EXPECT_NE(type("nonsense\r").find("nonsense: not found; try help"), std::string::npos);
    EXPECT_NE(type("help\r").find("fault unplug TIME"), std::string::npos);
    now_ += seconds(3725);
    EXPECT_NE(type("uptime\r").find("up 1:02:05\r\n"), std::string::npos);
}

TEST_F(SimConsoleTest, EditsTheLine) {
    boot();

    EXPECT_EQ(type("ecx\x7fho hi\r"), "ecx\b \bho hi\r\nhi\r\nsim> ");
    EXPECT_EQ(type("xyz\x15"
                   "echo 1\r"),
              "xyz\b \b\b \b\b \becho 1\r\n1\r\nsim> ");
    EXPECT_EQ(type("\b\b\r"), "\r\nsim> ");
    EXPECT_EQ(type("echo \xc3\xa9\x08!\r"), "echo \xc3\xa9\b \b!\r\n!\r\nsim> ");
    EXPECT_EQ(type("echo \x1b[A\x1bOPup\r"), "echo up\r\nup\r\nsim> ");
    EXPECT_EQ(type("half\x03"), "^C\r\nsim> ");  // Ctrl-C overtakes what waits to be echoed
}

TEST_F(SimConsoleTest, RingsAtALineTooLong) {
    boot();

    const auto printed = type(std::string(SimConsole::command_bytes_max + 3, 'x'));

    EXPECT_EQ(printed, std::string(SimConsole::command_bytes_max, 'x') + "\a\a\a");
}

TEST_F(SimConsoleTest, PrintsItsLogAgainAndBootsAgain) {
    const auto boot_text = boot();

    const auto log = type("dmesg\r");
    const auto again = type("reboot\r");

    EXPECT_NE(log.find("Run /sbin/init"), std::string::npos);
    EXPECT_EQ(log.find("init: starting"), std::string::npos);
    EXPECT_TRUE(again.ends_with(boot_text));
}

TEST_F(SimConsoleTest, FloodsInNumberedLinesUntilInterrupted) {
    boot();

    const auto printed = type("flood 2\r");

    EXPECT_EQ(printed.size(), std::string("flood 2\r\n").size() + 2048 + std::string("sim> ").size());
    EXPECT_NE(printed.find("\r\n0000000031 "), std::string::npos);

    const std::string_view endless = "flood 1048576\r";
    console_.receive(std::as_bytes(std::span(endless)), now_);
    console_.refill(now_);
    EXPECT_GT(console_.output().size(), SimConsole::output_bytes_max / 2);
    EXPECT_TRUE(type("\x03").ends_with("^C\r\nsim> "));
    EXPECT_EQ(type("echo ok\r"), "echo ok\r\nok\r\nsim> ");
}

TEST_F(SimConsoleTest, RefusesBadArguments) {
    boot();

    for (const std::string command : {"flood", "flood 0", "flood x", "flood 99999999", "flood -1", "flood 1 2"}) {
        EXPECT_NE(type(command + "\r").find("flood: give the KiB"), std::string::npos) << command;
    }
    for (const std::string command :
         {"fault", "fault x", "fault drop", "fault drop 2", "fault stall", "fault stall 2h"}) {
        EXPECT_NE(type(command + "\r").find("\r\nfault: "), std::string::npos) << command;
    }
}

TEST_F(SimConsoleTest, MisbehavesWhenTold) {
    boot();

    type("fault drop 0.5\rfault flip 0.25\r");
    EXPECT_EQ(state_.faults.drop, 0.5);
    EXPECT_EQ(state_.faults.flip, 0.25);
    type("fault none\r");
    EXPECT_EQ(state_.faults.drop + state_.faults.flip, 0);
    type("fault stall 2s\r");
    EXPECT_TRUE(state_.stalled(now_ + milliseconds(1999)));
    EXPECT_FALSE(console_.modem_lines(now_).cts);
    now_ += seconds(2);
    type("fault unplug 300ms\r");
    EXPECT_EQ(state_.unplug_request, milliseconds(300));
}

TEST_F(SimConsoleTest, TellsOfABreakAndKeepsTheLine) {
    boot();
    type("echo x");

    console_.receive_break(now_);

    EXPECT_EQ(output(), "\r\n*** break received ***\r\nsim> echo x");
    EXPECT_EQ(type("y\r"), "y\r\nxy\r\nsim> ");
}

TEST_F(SimConsoleTest, LeavesInputThatItCannotTakeOnTheWire) {
    SimConsole paced(state_, /*unpaced=*/false);
    paced.power_on(now_);
    const std::string typed(paced.input_room(), 'x');

    paced.receive(std::as_bytes(std::span(typed)), now_);

    EXPECT_EQ(paced.input_room(), 0U);
}

}  // namespace
}  // namespace vserd::sim
