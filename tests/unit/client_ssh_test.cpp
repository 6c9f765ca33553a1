#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <variant>

#include "vserctl/ssh_session.hpp"

namespace vserctl {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

TEST(SshCommand, NothingListsThePorts) {
    for (const auto* text : {"", " ", "    "}) {
        EXPECT_TRUE(std::holds_alternative<PortsCommand>(parse_ssh_command(text).value())) << text;
    }
}

TEST(SshCommand, APortIsAConsoleAndReadPrints) {
    const auto attach = parse_ssh_command("rack1-board_2.a").value();
    EXPECT_EQ(std::get<AttachCommand>(attach).port, "rack1-board_2.a");
    EXPECT_TRUE(std::get<AttachCommand>(attach).suggest_terminal);
    EXPECT_EQ(std::get<AttachCommand>(attach).wait, pipe_wait_default);

    const auto named = parse_ssh_command(" board  attach ").value();
    EXPECT_EQ(std::get<AttachCommand>(named).port, "board");
    EXPECT_FALSE(std::get<AttachCommand>(named).suggest_terminal);
    const auto read = parse_ssh_command("board read").value();
    EXPECT_EQ(std::get<ReadCommand>(read).port, "board");
    EXPECT_FALSE(std::get<ReadCommand>(read).follow);
}

TEST(SshCommand, AnAliasLosesItsPrefix) {
    EXPECT_EQ(std::get<AttachCommand>(parse_ssh_command("host:con-board").value()).port, "board");
    EXPECT_EQ(std::get<ReadCommand>(parse_ssh_command("host:lab7-rack1-board read").value()).port, "rack1-board");
    EXPECT_EQ(std::get<AttachCommand>(parse_ssh_command("con-board").value()).port, "con-board");
}

TEST(SshCommand, EverythingElseIsRejectedWithWhatWorks) {
    const std::string longest(64, 'a');
    EXPECT_TRUE(parse_ssh_command(longest).ok());
    EXPECT_TRUE(parse_ssh_command("board read" + std::string(ssh_command_bytes_max - 10, ' ')).ok());
    for (const std::string& text : {
             std::string("board; id"),
             std::string("board;id"),
             std::string("$(id)"),
             std::string("`id`"),
             std::string("board\nid"),
             std::string("board\n"),
             std::string("\tboard"),
             std::string("board\r"),
             std::string("board\0read", 10),
             std::string("-oProxyCommand=id"),
             std::string("-s"),
             std::string("-"),
             std::string("--help"),
             std::string("board -f"),
             std::string("board write"),
             std::string("board READ"),
             std::string("board read read"),
             std::string("../board"),
             std::string("board|sh"),
             std::string("board&"),
             std::string("'board'"),
             std::string("\xff\xfe"),
             std::string("b\xC3\xB6rd"),
             std::string("scp -t ."),
             std::string("host:"),
             std::string("host:board"),
             std::string("host:con-"),
             std::string("host:con--x"),
             std::string("host:con-$(id)"),
             longest + "a",
             "board read" + std::string(ssh_command_bytes_max - 9, ' '),
         }) {
        const auto session = parse_ssh_command(text);
        ASSERT_FALSE(session.ok()) << text;
        EXPECT_THAT(session.error().message, HasSubstr("is not accepted. Use 'PORT'")) << text;
    }
}

TEST(SshCommand, TheMessageIsShortAndMovesNoCursor) {
    const auto message = parse_ssh_command("\x1b]0;x\a" + std::string(100'000, 'a')).error().message;
    EXPECT_LT(message.size(), 300U);
    EXPECT_THAT(message, HasSubstr("\\u001b]0;x\\u0007aaa"));
    EXPECT_THAT(message, Each(AllOf(testing::Ge(' '), testing::Le('~'))));
}

TEST(SshClientName, IsTheAddressThatSshdReports) {
    EXPECT_EQ(ssh_client_name("192.0.2.7 50022 192.0.2.1 2222"), "ssh@192.0.2.7");
    EXPECT_EQ(ssh_client_name("fe80::1%eth0 50022 fe80::2 2222"), "ssh@fe80::1%eth0");
    EXPECT_EQ(ssh_client_name(""), "ssh");
    EXPECT_EQ(ssh_client_name("\x1b[2J 1 2 3"), "ssh");
    EXPECT_EQ(ssh_client_name(std::string(60, '1')).size(), 64U);
    EXPECT_EQ(ssh_client_name(std::string(61, '1')), "ssh");
}

/// Exits with 0 if the session is right and the environment holds nothing but TERM.
[[noreturn]] void take_session_and_exit() {
    for (const auto* name : {"GRPC_TRACE", "http_proxy", "VSERD_ADDRESS", "LD_PRELOAD"}) ::setenv(name, "x", 1);
    ::setenv("TERM", "xterm", 1);
    ::setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.1 2222", 1);
    ::setenv("SSH_ORIGINAL_COMMAND", "board attach", 1);
    auto command = take_ssh_session_from_environment();
    const auto* attach = std::get_if<AttachCommand>(&command.value());
    const bool session = attach != nullptr && attach->port == "board" && attach->client_name == "ssh@192.0.2.7";
    const bool alone = environ[0] != nullptr && std::string(environ[0]) == "TERM=xterm" && environ[1] == nullptr;
    std::_Exit(session && alone ? 0 : 1);
}

TEST(SshEnvironment, OnlyTheTerminalsNameIsKept) {
    EXPECT_EXIT(take_session_and_exit(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace vserctl
