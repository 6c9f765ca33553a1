#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "integration/vserctl_support.hpp"

namespace vserd::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class VserctlCommands : public testing::Test {
protected:
    Finished run(const std::vector<std::string>& arguments, std::string_view input = {}) {
        return vserctl(daemon_.address(), arguments, input);
    }

    SimulatedDaemon daemon_;
};

/// True when every line is a JSON object by Python's opinion, and there is at least one.
bool is_json_lines(const std::string& text) {
    const ScratchFolder folder;
    const auto file = folder.path() / "lines";
    std::ofstream(file) << text;
    const std::string check =
        "python3 -c 'import json,sys; lines=open(sys.argv[1]).read().splitlines(); "
        "assert lines and all(isinstance(json.loads(l), dict) for l in lines)' " +
        file.string();
    return std::system(check.c_str()) == 0;
}

TEST_F(VserctlCommands, PortsAreAPlainTableInAPipe) {
    const auto result = run({"ports"});

    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, StartsWith("NAME     STATE    DEVICE"));
    EXPECT_THAT(result.out, HasSubstr("console  online   sim:console"));
    EXPECT_THAT(result.out, HasSubstr("gone     offline  /dev/vserd-test-never-there"));
    EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST_F(VserctlCommands, PortsAreColouredOnATerminal) {
    TerminalProgram terminal(daemon_.address(), {"ports"});

    const auto shown = terminal.rest();

    EXPECT_EQ(terminal.child().wait(), 0);
    EXPECT_THAT(shown, HasSubstr("\x1b[32monline"));
    EXPECT_THAT(shown, HasSubstr("\x1b[31moffline"));
}

TEST_F(VserctlCommands, NoColorIsHonoured) {
    TerminalProgram terminal(daemon_.address(), {"ports"}, {{"NO_COLOR", "1"}});

    EXPECT_THAT(terminal.rest(), Not(HasSubstr("\x1b")));
}

TEST_F(VserctlCommands, SettingsAreSetAndReadBack) {
    EXPECT_EQ(run({"baud", "echo", "57600"}).out, "57600\n");
    EXPECT_EQ(run({"baud", "echo"}).out, "57600\n");
    EXPECT_EQ(run({"format", "echo", "7E2"}).out, "7E2\n");
    EXPECT_EQ(run({"format", "echo"}).out, "7E2\n");
    EXPECT_THAT(run({"signals", "echo", "dtr=off", "rts=on"}).out, StartsWith("dtr off, rts on"));
    EXPECT_EQ(run({"break", "echo", "--duration", "10ms"}).status, 0);
    EXPECT_EQ(run({"flush", "echo"}).status, 0);
}

TEST_F(VserctlCommands, WhatIsWrittenIsRead) {
    ASSERT_EQ(run({"write", "fast", "-e", "one\\x00two\\r\\n"}).status, 0);
    ASSERT_EQ(run({"write", "fast", "-"}, "from stdin\n").status, 0);

    const auto all = run({"read", "fast", "--follow", "--max-bytes", "20"});
    EXPECT_EQ(all.status, 0);
    EXPECT_EQ(all.out, std::string("one\0two\r\nfrom stdin\n", 20));
    EXPECT_EQ(run({"read", "fast", "--from", "4", "--max-bytes", "3"}).out, "two");
    EXPECT_EQ(run({"read", "fast", "--from", "tail:6"}).out, "stdin\n");
    EXPECT_EQ(run({"read", "fast", "--from", "since:1h", "--max-bytes", "3"}).out, "one");
}

TEST_F(VserctlCommands, AMebibyteFromStdinIsReadBackIntact) {
    std::string sent;
    for (int i = 0; sent.size() < (1U << 20); ++i) sent += "line " + std::to_string(i) + "\n";
    sent.resize(1U << 20);

    const auto written = run({"--json", "write", "fast", "--stdin"}, sent);
    ASSERT_EQ(written.status, 0) << written.err;
    EXPECT_THAT(written.out, HasSubstr("\"bytes_written\":1048576"));

    const auto result = run({"read", "fast", "--follow", "--max-bytes", "1M"});
    EXPECT_TRUE(result.out == sent);
}

TEST_F(VserctlCommands, HealthIsTheServersOrAPortsAndItsStatusSaysWhich) {
    const auto server = run({"health"});
    const auto gone = run({"health", "gone"});
    const auto unknown = run({"health", "nothing"});

    EXPECT_EQ(server.status, 0);
    EXPECT_EQ(server.out, "serving\n");
    EXPECT_EQ(gone.status, 1);
    EXPECT_EQ(gone.out, "not serving\n");
    EXPECT_EQ(unknown.status, 1);
    EXPECT_THAT(unknown.err, StartsWith("vserctl: no port \"nothing\""));
}

TEST_F(VserctlCommands, EveryReplyIsAvailableAsJson) {
    run({"write", "fast", "-e", "text \\xff \" and \\e[0m\\r\\n"});
    const std::vector<std::vector<std::string>> commands{{"ports"},
                                                         {"ports", "gone"},
                                                         {"info"},
                                                         {"health"},
                                                         {"baud", "echo", "9600"},
                                                         {"format", "echo", "8N1"},
                                                         {"signals", "echo", "dtr=on"},
                                                         {"break", "echo", "--duration", "5ms"},
                                                         {"flush", "echo", "both"},
                                                         {"write", "echo", "x"},
                                                         {"read", "echo"},
                                                         {"read", "fast", "--follow", "--max-bytes", "10"},
                                                         {"read", "fast", "--base64", "--follow", "--max-bytes", "10"},
                                                         {"attach", "fast", "--from", "oldest", "--wait", "10ms"}};
    std::string all;
    for (auto command : commands) {
        command.emplace_back("--json");
        const auto result = run(command);
        EXPECT_EQ(result.status, 0) << command.front() << ": " << result.err;
        EXPECT_NE(result.out, "") << command.front();
        all += result.out;
    }
    EXPECT_TRUE(is_json_lines(all)) << all;
}

TEST_F(VserctlCommands, ARefusalIsOneLineAndStatusOne) {
    const auto unknown = run({"baud", "ecko"});
    EXPECT_EQ(unknown.status, 1);
    EXPECT_THAT(unknown.err, StartsWith("vserctl: no port \"ecko\"; did you mean \"echo\"?"));
    EXPECT_EQ(std::count(unknown.err.begin(), unknown.err.end(), '\n'), 1);

    const auto away = run({"write", "gone", "x"});
    EXPECT_EQ(away.status, 1) << "the server says that the device is disconnected: that is not a lost connection";
    EXPECT_THAT(away.err, HasSubstr("disconnected"));

    const auto ahead = run({"read", "echo", "--from", "999"});
    EXPECT_EQ(ahead.status, 1);
    EXPECT_THAT(ahead.err, HasSubstr("OUT_OF_RANGE"));

    const auto json = run({"baud", "ecko", "--json"});
    EXPECT_TRUE(is_json_lines(json.err));
    EXPECT_THAT(json.err, HasSubstr("\"reason\":\"PORT_NOT_FOUND\""));
}

TEST_F(VserctlCommands, BadUsageIsStatusTwo) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                       {"frobnicate"},
                                                                       {"baud"},
                                                                       {"baud", "echo", "0"},
                                                                       {"baud", "echo", "fast"},
                                                                       {"format", "echo", "9Z1"}}) {
        const auto result = run(arguments);
        EXPECT_EQ(result.status, 2) << result.err;
        EXPECT_THAT(result.err, StartsWith("vserctl: "));
    }
}

TEST(Vserctl, NoServerIsStatusThree) {
    const ScratchFolder folder;
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"info"}, {"attach", "echo"}, {"read", "echo", "-f"}}) {
        const auto result = vserctl("unix:" + (folder.path() / "nobody").string(), arguments);

        EXPECT_EQ(result.status, 3);
        EXPECT_THAT(result.err, StartsWith("vserctl: cannot connect to unix:"));
        EXPECT_THAT(result.err, HasSubstr("is vserd running there?"));
    }
}

TEST_F(VserctlCommands, WatchShowsTheStateAndThenChanges) {
    TerminalProgram watch(daemon_.address(), {"watch", "echo"}, {{"NO_COLOR", "1"}});
    watch.expect("echo  online  115200 8N1, sim:echo");

    run({"baud", "echo", "19200"});

    watch.expect("echo  online  the line is now at 19200 8N1");
    watch.child().signal(SIGINT);
    EXPECT_EQ(watch.child().wait(), 128 + SIGINT);
}

}  // namespace
}  // namespace vserd::test
