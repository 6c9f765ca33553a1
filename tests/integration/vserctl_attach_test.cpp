#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "integration/vserctl_support.hpp"

namespace vserd::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string escape = "\x1d";  // Ctrl-]

class VserctlAttach : public testing::Test {
protected:
    SimulatedDaemon daemon_;
};

TEST_F(VserctlAttach, ConsoleAnswersAndTheEscapeLeaves) {
    TerminalProgram terminal(daemon_.address(), {"attach", "console"});
    terminal.expect("attached to console");
    EXPECT_TRUE(terminal.raw());

    terminal.type("echo hello from afar\r");
    terminal.expect("echo hello from afar\r\n");
    terminal.expect("hello from afar\r\n");
    terminal.type(escape + ".");

    EXPECT_EQ(terminal.child().wait(), 0);
    EXPECT_TRUE(terminal.restored());
    EXPECT_THAT(terminal.rest(), HasSubstr("left console at offset"));
}

TEST_F(VserctlAttach, ControlKeysReachTheDevice) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast"});
    terminal.expect("attached to fast");

    terminal.type("\x03\x04\x11\x13\x1a\x1c\x7f");  // what a cooked terminal would keep for itself
    terminal.expect("\x03\x04\x11\x13\x1a\x1c\x7f");
    terminal.type(escape + escape);
    terminal.expect(escape);
}

TEST_F(VserctlAttach, EscapeCommandsWork) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast"});
    terminal.expect("attached to fast");

    terminal.type(escape + "?");
    terminal.expect("^] b sends a break");
    terminal.type(escape + "b");
    terminal.expect("break of 250 ms sent");
    terminal.type(escape + "i");
    terminal.expect("online, 4000000 8N1, 1 reader,");
    terminal.type(escape + "x");
    terminal.expect("not a command; ^] ? lists them");
    terminal.type("still alive");
    terminal.expect("still alive");
}

class VserctlAttachSignal : public VserctlAttach, public testing::WithParamInterface<int> {};

TEST_P(VserctlAttachSignal, RestoresTheTerminal) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast"});
    terminal.type("x");
    terminal.expect("attached to fast");
    ASSERT_TRUE(terminal.raw());

    terminal.child().signal(GetParam());

    EXPECT_EQ(terminal.child().wait(), 128 + GetParam());
    EXPECT_TRUE(terminal.restored());
}

INSTANTIATE_TEST_SUITE_P(EverySignal, VserctlAttachSignal,
                         testing::Values(SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV),
                         [](const auto& tested) { return std::string(::sigabbrev_np(tested.param)); });

TEST_F(VserctlAttach, StopGivesTheTerminalBackAndContinueTakesItAgain) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast"});
    terminal.expect("attached to fast");

    terminal.child().signal(SIGTSTP);
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(terminal.child().pid()), &info, WSTOPPED | WNOWAIT), 0);
    EXPECT_TRUE(terminal.restored());
    terminal.child().signal(SIGCONT);
    EXPECT_TRUE(terminal.becomes_raw());
    terminal.type("after");

    terminal.expect("after");
}

TEST_F(VserctlAttach, ResizeDisturbsNothing) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast"});
    terminal.expect("attached to fast");

    for (unsigned short columns = 40; columns < 140; ++columns) {
        terminal.resize(columns, 30);
        terminal.type("<" + std::to_string(columns) + ">");
        terminal.expect("<" + std::to_string(columns) + ">");
    }
}

TEST_F(VserctlAttach, ALargePasteLosesNothing) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast", "--escape", "none"});
    terminal.expect("attached to fast");
    terminal.expect("\n");
    std::string paste;
    for (int i = 0; paste.size() < (512U << 10); ++i) paste += "pasted line " + std::to_string(i) + "\r";

    terminal.type(paste + "THE END");

    EXPECT_THAT(terminal.expect("THE END"), HasSubstr(paste));
}

TEST_F(VserctlAttach, ModesThatTheDeviceLeftOnAreUndone) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast"});
    terminal.expect("attached to fast");

    terminal.type("\x1b[?1049h\x1b[?25l\x1b[31m*");
    terminal.expect("*");
    terminal.type(escape + ".");

    EXPECT_THAT(terminal.rest(), HasSubstr("\x1b[?1049l\x1b[?25h\x1b[0m"));
}

TEST_F(VserctlAttach, ReadOnlySendsNothing) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast", "--read-only"});
    terminal.expect("read-only");

    terminal.type("not sent");
    terminal.expect("read-only: input is not sent");
    vserctl(daemon_.address(), {"write", "fast", "from another"});

    EXPECT_THAT(terminal.expect("from another"), Not(HasSubstr("not sent\r\nnot sent")));
}

TEST_F(VserctlAttach, ExclusiveKeepsOthersFromWriting) {
    TerminalProgram terminal(daemon_.address(), {"attach", "fast", "--exclusive"});
    terminal.expect("attached to fast");

    const auto refused = vserctl(daemon_.address(), {"write", "fast", "x"});

    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("vserctl@"));
}

TEST_F(VserctlAttach, AKeyTypedWhileAnotherHoldsThePortIsToldAndNotTheEnd) {
    TerminalProgram watcher(daemon_.address(), {"attach", "fast"});
    watcher.expect("attached to fast");
    {
        TerminalProgram holder(daemon_.address(), {"attach", "fast", "--exclusive"});
        watcher.expect("nobody else may write");

        watcher.type("key");
        watcher.expect("bytes of yours were not sent");
        holder.type("from the holder");
        watcher.expect("from the holder");
        holder.type(escape + ".");
        EXPECT_EQ(holder.child().wait(), 0);
    }
    watcher.expect("exclusive access released");
    watcher.type("again");
    watcher.expect("again");
    watcher.type(escape + ".");

    EXPECT_EQ(watcher.child().wait(), 0);
}

TEST_F(VserctlAttach, TellsWhenTheDeviceGoesAndComesBack) {
    TerminalProgram terminal(daemon_.address(), {"attach", "console"});
    terminal.expect("attached to console");

    terminal.type("fault unplug 100ms\r");

    terminal.expect("[vserctl: the device is disconnected");
    terminal.expect("[vserctl: the device is connected: sim:console]");
}

TEST_F(VserctlAttach, AnOfflinePortIsSaidAtOnce) {
    TerminalProgram terminal(daemon_.address(), {"attach", "gone"});

    terminal.expect("the device is disconnected: ");
    terminal.type(escape + ".");

    EXPECT_EQ(terminal.child().wait(), 0);
    EXPECT_TRUE(terminal.restored());
}

TEST_F(VserctlAttach, WithoutATerminalItIsAPipe) {
    const auto result = vserctl(daemon_.address(), {"attach", "console", "--wait", "300ms"}, "echo piped\r");

    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_THAT(result.out, HasSubstr("echo piped\r\npiped\r\n"));
    EXPECT_EQ(result.err, "");
}

TEST_F(VserctlAttach, APipeIsSentToTheEnd) {
    std::string sent;
    for (int i = 0; sent.size() < (4U << 20); ++i) sent += std::to_string(i) + "\n";

    const auto result = vserctl(daemon_.address(), {"attach", "fast", "--wait", "500ms"}, sent);

    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_TRUE(result.out == sent) << result.out.size() << " of " << sent.size() << " bytes; " << result.err;
}

TEST_F(VserctlAttach, APipeWhoseBytesAreRefusedFails) {
    TerminalProgram holder(daemon_.address(), {"attach", "fast", "--exclusive"});
    holder.expect("attached to fast");

    const auto result = vserctl(daemon_.address(), {"attach", "fast", "--wait", "300ms"}, "refused");

    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.err, HasSubstr("7 bytes of the input were not sent"));
}

TEST_F(VserctlAttach, AnUnknownPortIsStatusOneAndTheTerminalIsUntouched) {
    TerminalProgram terminal(daemon_.address(), {"attach", "nope"});

    EXPECT_EQ(terminal.child().wait(), 1);
    EXPECT_TRUE(terminal.restored());
    EXPECT_THAT(terminal.rest(), HasSubstr("vserctl: no port \"nope\""));
}

}  // namespace
}  // namespace vserd::test
