#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vserctl/options.hpp"
#include "vserctl/tty_settings.hpp"

namespace vserctl {
namespace {

using std::chrono::seconds;

constexpr TtySettings configured{.baud = 9600, .rts_cts = false};
constexpr TtySettings chosen{.baud = 115200, .rts_cts = true};
constexpr TtyMirror::Time start{};

TEST(TtyMirror, ALocalChangeNamesOnlyWhatChanged) {
    TtyMirror mirror(configured);

    EXPECT_EQ(mirror.on_pty({.baud = 19200, .rts_cts = false}, start), (TtyChange{.baud = 19200, .rts_cts = {}}));
    EXPECT_EQ(mirror.on_pty({.baud = 19200, .rts_cts = true}, start), (TtyChange{.baud = {}, .rts_cts = true}));
    EXPECT_EQ(mirror.on_pty({.baud = 19200, .rts_cts = true}, start), TtyChange{});
}

TEST(TtyMirror, ZeroBaudIsNoChange) {
    TtyMirror mirror(configured);

    EXPECT_EQ(mirror.on_pty({.baud = 0, .rts_cts = false}, start), TtyChange{});
}

TEST(TtyMirror, ARemoteChangeGoesIntoThePtyAndDoesNotComeBack) {
    TtyMirror mirror(configured);

    EXPECT_EQ(mirror.on_remote(chosen), chosen);
    EXPECT_EQ(mirror.on_pty(chosen, start), TtyChange{});
}

TEST(TtyMirror, OlderEventsDoNotUndoALocalChangeOnItsWay) {
    TtyMirror mirror(configured);
    mirror.on_pty({.baud = 19200, .rts_cts = false}, start);
    mirror.on_pty(chosen, start);

    EXPECT_EQ(mirror.on_remote({.baud = 19200, .rts_cts = false}), std::nullopt);
    EXPECT_EQ(mirror.on_remote(chosen), std::nullopt);
    EXPECT_EQ(mirror.deadline(), std::nullopt);
    EXPECT_EQ(mirror.on_remote(configured), configured);  // another client, after all of this
}

TEST(TtyMirror, ARoundedRateReachesThePtyAfterAWhile) {
    TtyMirror mirror(configured);
    mirror.on_pty({.baud = 250123, .rts_cts = false}, start);

    EXPECT_EQ(mirror.on_remote({.baud = 250000, .rts_cts = false}), std::nullopt);
    EXPECT_EQ(mirror.on_time(start + seconds(1)), std::nullopt);
    EXPECT_EQ(mirror.on_time(start + seconds(3)), (TtySettings{.baud = 250000, .rts_cts = false}));
}

TEST(TtyMirror, AChangeBehindManyBytesStaysInThePty) {
    TtyMirror mirror(configured);
    mirror.on_pty(chosen, start);

    EXPECT_EQ(mirror.on_time(start + seconds(3)), std::nullopt);
    EXPECT_EQ(mirror.on_remote(chosen), std::nullopt);
    EXPECT_EQ(mirror.on_pty(chosen, start), TtyChange{});
}

TEST(TtyMirror, ARestartedServerGetsTheSettingsAgain) {
    TtyMirror mirror(configured);
    mirror.on_pty(chosen, start);
    mirror.on_remote(chosen);

    EXPECT_EQ(mirror.restore_remote(configured, start), (TtyChange{.baud = 115200, .rts_cts = true}));
    EXPECT_EQ(mirror.restore_remote(chosen, start), TtyChange{});
}

TEST(TtyMirror, ARejectedChangeIsUndoneInThePty) {
    TtyMirror mirror(configured);
    mirror.on_pty(chosen, start);

    EXPECT_EQ(mirror.restore_pty(configured), configured);
    EXPECT_EQ(mirror.deadline(), std::nullopt);
}

TEST(CommandLine, TtyTakesALink) {
    const auto parsed = parse_command_line({"tty", "board", "--link", "/tmp/board", "--keep"});
    const auto& command = std::get<TtyCommand>(parsed.options->command);

    EXPECT_EQ(command.port, "board");
    EXPECT_EQ(command.link, "/tmp/board");
    EXPECT_TRUE(command.keep);
    EXPECT_FALSE(command.exclusive);
    EXPECT_EQ(parse_command_line({"tty"}).exit_code, 2);
    EXPECT_EQ(parse_command_line({"tty", "board", "--link", ""}).exit_code, 2);
}

}  // namespace
}  // namespace vserctl
