// What a port's device is: the node that its path means, which may come to mean another one.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "contract/port_fixture.hpp"

namespace vserd {
namespace {

using namespace std::chrono_literals;
using port::PortState;
using testing::HasSubstr;

class PortNode : public HubTest {
protected:
    static bool online(const hub::Channel& channel) { return channel.port().state() == PortState::online; }
    static port::PortConfig configured(const std::string& device) { return {"p", "", device, {}, 4096}; }

    hub::Channel& apply(port::PortConfig port, std::size_t history_bytes = std::size_t{1} << 20) {
        hub::HubConfig config;
        config.limits.history_bytes = history_bytes;
        config.ports.push_back(std::move(port));
        hub_->apply(config);
        return *hub_->find("p");
    }
    /// Waits until the port has tried to open the device `tries` times more.
    bool tried_again(const hub::Channel& channel, std::uint64_t tries = 2) {
        const std::uint64_t before = channel.port().stats()->open_errors;
        return until([&] { return channel.port().stats()->open_errors >= before + tries; });
    }
    /// Makes a terminal with the number that `path` names, which was just given back. False: somebody else got it.
    bool make_again(const std::string& path, io::Pty& terminal) {
        constexpr std::size_t tries_max = 64;
        while (others_.size() < tries_max) {
            terminal = io::open_pty().value();
            if (terminal.path == path) return true;
            others_.push_back(std::move(terminal));  // a lower number was free
        }
        return false;
    }
    /// A port on a terminal by its number, whose other end was closed and of which somebody else has the number now.
    hub::Channel* port_with_reused_terminal(io::Pty& stranger) {
        pty_ = std::make_unique<io::Pty>(io::open_pty().value());
        pty_->slave.reset();
        const std::string path = pty_->path;
        hub::Channel& channel = apply(configured(path));
        EXPECT_TRUE(until([&] { return online(channel); }));
        pty_.reset();
        EXPECT_TRUE(until([&] { return !online(channel); }));
        return make_again(path, stranger) ? &channel : nullptr;
    }

    static constexpr const char* number_taken = "somebody else on this machine got the number";
    std::vector<io::Pty> others_;
};

TEST_P(PortNode, ATerminalThatGetsTheNumberOfAClosedOneIsLeftAlone) {
    io::Pty stranger;
    const hub::Channel* const reused = port_with_reused_terminal(stranger);
    if (reused == nullptr) GTEST_SKIP() << number_taken;
    const hub::Channel& channel = *reused;

    EXPECT_TRUE(tried_again(channel));

    EXPECT_FALSE(online(channel));
    EXPECT_THAT(channel.port().offline_reason(), HasSubstr(stranger.path + " is closed"));
    EXPECT_THAT(channel.port().offline_reason(), HasSubstr("reopen_pts = true"));
}

TEST_P(PortNode, AReloadDoesNotTakeAStrangersTerminalUnlessItSaysSo) {
    io::Pty stranger;
    const hub::Channel* const before = port_with_reused_terminal(stranger);
    if (before == nullptr) GTEST_SKIP() << number_taken;
    ASSERT_TRUE(tried_again(*before));

    auto port = configured(stranger.path);
    port.description = "another";
    hub::Channel& changed = apply(port);
    EXPECT_TRUE(tried_again(changed));
    EXPECT_FALSE(online(changed));
    hub::Channel& replaced = apply(port, std::size_t{2} << 20);
    EXPECT_TRUE(tried_again(replaced));
    EXPECT_FALSE(online(replaced));

    port.reopen_pts = true;
    hub::Channel& allowed = apply(port, std::size_t{2} << 20);
    EXPECT_TRUE(until([&] { return online(allowed); })) << allowed.port().offline_reason();
}

TEST_P(PortNode, ANumberThatNoTerminalHasIsNotWaitedFor) {
    std::string path = io::open_pty().value().path;  // closed again
    hub::Channel& channel = apply(configured(path));
    ASSERT_TRUE(until([&] { return channel.port().stats()->open_errors > 0; }));
    io::Pty stranger;
    if (!make_again(path, stranger)) GTEST_SKIP() << number_taken;

    EXPECT_TRUE(tried_again(channel));

    EXPECT_FALSE(online(channel));
}

TEST_P(PortNode, AnOldLinkDoesNotLeadToAStrangersTerminalAndANewOneDoes) {
    hub::Channel& channel = online_port();
    const std::string path = pty_->path;
    pty_.reset();  // and the link stays
    ASSERT_TRUE(until([&] { return !online(channel); }));
    io::Pty again;
    if (!make_again(path, again)) GTEST_SKIP() << number_taken;

    EXPECT_TRUE(tried_again(channel));
    EXPECT_FALSE(online(channel));
    std::filesystem::remove(node());
    std::filesystem::create_symlink(path, node());

    EXPECT_TRUE(until([&] { return online(channel); })) << channel.port().offline_reason();
}

TEST_P(PortNode, ATerminalThatWasOnlyHungUpIsOpenedAgain) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may hang up a terminal that is not its own";
    pty_ = std::make_unique<io::Pty>(io::open_pty().value());
    hub::Channel& channel = apply(configured(pty_->path));
    ASSERT_TRUE(until([&] { return online(channel); }));
    const pid_t child = ::fork();
    if (child == 0) {
        ::setsid();
        ::_exit(::ioctl(pty_->slave.get(), TIOCSCTTY, 1) == 0 && ::vhangup() == 0 ? 0 : 1);
    }
    pty_->slave.reset();
    ::waitpid(child, nullptr, 0);

    EXPECT_TRUE(until([&] { return channel.port().stats()->reopens == 1; })) << channel.port().offline_reason();
    EXPECT_TRUE(online(channel));
}

TEST_P(PortNode, ALinkThatMeansAnotherDeviceMovesThePortThere) {
    hub::Channel& channel = online_port();
    Recorder recorder;
    recorder.start(channel, hub::StartLive{});
    const auto before = std::move(pty_);

    plug();  // the device before is still there

    ASSERT_TRUE(until([&] { return recorder.count<port::CameOnline>() == 1; }));
    EXPECT_EQ(recorder.count<port::WentOffline>(), 1U);
    EXPECT_THAT(std::get<port::WentOffline>(recorder.events[0].event).reason,
                HasSubstr("now points to another device (" + pty_->path + ")"));
    device_sends("from the new one");
    EXPECT_TRUE(until([&] { return recorder.text == "from the new one"; })) << recorder.text;
}

TEST_P(PortNode, ALinkThatIsMadeAnewForTheSameDeviceChangesNothing) {
    hub::Channel& channel = online_port();
    const auto temporary = directory_ / "new";
    std::filesystem::create_symlink(pty_->path, temporary);
    std::filesystem::rename(temporary, node());

    device_sends("still");

    Recorder recorder;
    recorder.start(channel, hub::StartOldest{});
    EXPECT_TRUE(until([&] { return recorder.text == "still"; }));
    EXPECT_EQ(recorder.count<port::WentOffline>(), 0U);
}

TEST_P(PortNode, HangupOnCloseIsAnOptionThatAReloadChanges) {
    hub::Channel& channel = online_port();
    const base::Fd other(::open(pty_->path.c_str(), O_RDWR | O_NOCTTY));
    const auto hangs_up = [&] {
        termios raw{};
        return ::tcgetattr(other.get(), &raw) == 0 && (raw.c_cflag & HUPCL) != 0;
    };
    EXPECT_FALSE(hangs_up());
    auto port = channel.port().config();

    port.line.hangup_on_close = true;
    apply(port);

    EXPECT_TRUE(until(hangs_up));
    EXPECT_TRUE(online(channel));
}

INSTANTIATE_TEST_SUITE_P(Engines, PortNode, testing::Values("epoll"),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace vserd
