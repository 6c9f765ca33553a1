// What other programs do with a port's tty: they change its settings, and they read its bytes.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include <utility>

#include "base/device_readers.hpp"
#include "contract/port_fixture.hpp"

namespace vserd {
namespace {

using namespace std::chrono_literals;

class OutsideTest : public HubTest {
protected:
    hub::Channel& watched_port(bool restore = false) {
        plug();
        port::PortConfig port;
        port.name = "p";
        port.device = node();
        port.tx_queue_bytes_max = 4096;
        port.restore_settings = restore;
        hub::HubConfig config;
        config.ports.push_back(std::move(port));
        hub_->apply(config);
        hub::Channel& channel = *hub_->find("p");
        EXPECT_TRUE(until([&] { return channel.port().state() == port::PortState::online; }));
        recorder_.start(channel, hub::StartLive{});
        return channel;
    }

    /// As `stty` does it, with the terminal opened again.
    void from_outside(const std::function<void(termios&)>& change) const {
        const base::Fd tty(::open(pty_->path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        termios modes{};
        ASSERT_EQ(::tcgetattr(tty.get(), &modes), 0);
        change(modes);
        ASSERT_EQ(::tcsetattr(tty.get(), TCSANOW, &modes), 0);
    }

    termios modes() const {
        termios now{};
        const base::Fd tty(::open(pty_->path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        EXPECT_EQ(::tcgetattr(tty.get(), &now), 0);
        return now;
    }

    std::vector<port::SettingsChanged> changes() const {
        std::vector<port::SettingsChanged> found;
        for (const auto& item : recorder_.events) {
            if (const auto* change = std::get_if<port::SettingsChanged>(&item.event)) found.push_back(*change);
        }
        return found;
    }

    Recorder recorder_;
};

void make_sane(termios& modes) {
    modes.c_iflag |= ICRNL | IXON | BRKINT;
    modes.c_oflag |= OPOST | ONLCR;
    modes.c_lflag |= ICANON | ECHO | ISIG | IEXTEN;
}

TEST_P(OutsideTest, SettingsThatAnotherProgramChangedAreReported) {
    auto& port = watched_port().port();

    from_outside([](termios& modes) {
        ::cfsetspeed(&modes, B9600);
        modes.c_cflag |= CSTOPB | CRTSCTS;
    });

    EXPECT_TRUE(until([&] { return port.settings().baud == 9600; }));
    EXPECT_EQ(port.settings().format.stop_bits, line::StopBits::two);
    EXPECT_EQ(port.settings().format.flow_control, line::FlowControl::rts_cts);
    EXPECT_EQ(port.stats()->baud, 9600U);
    ASSERT_EQ(changes().size(), 1U);
    EXPECT_TRUE(changes()[0].changed_outside);
    EXPECT_EQ(changes()[0].settings, port.settings());
    const termios now = modes();
    EXPECT_EQ(::cfgetospeed(&now), speed_t{B9600});
}

TEST_P(OutsideTest, BytesPassAsTheyAreWhateverModesAnotherProgramSet) {
    auto& channel = watched_port();

    from_outside(make_sane);
    device_sends("login: ");  // with no end of line

    EXPECT_TRUE(until([&] { return recorder_.text == "login: "; })) << recorder_.text;
    EXPECT_EQ(modes().c_lflag & (ICANON | ECHO | ISIG), 0U);
    EXPECT_TRUE(until([&] { return !changes().empty(); }));
    EXPECT_TRUE(changes()[0].changed_outside);
    device_received();  // what was echoed before the port put an end to it
    device_received_.clear();
    device_sends("\r\x03\x04");
    EXPECT_TRUE(until([&] { return recorder_.text == "login: \r\x03\x04"; })) << recorder_.text;
    EXPECT_EQ(device_received(), "") << "nothing is echoed";
    EXPECT_EQ(channel.port().transmit(as_bytes("\n")), 1U);
    EXPECT_TRUE(until([&] { return device_received() == "\n"; })) << device_received_;
}

TEST_P(OutsideTest, AReadOfNothingInAForeignModeIsNoHangUp) {
    auto& port = watched_port().port();

    from_outside([](termios& modes) {
        modes.c_lflag |= ICANON;
        modes.c_cc[VEOF] = 4;
    });
    device_sends("\x04");  // the end of a file for who reads lines
    EXPECT_TRUE(until([&] { return !changes().empty(); }));
    device_sends("after");

    EXPECT_TRUE(until([&] { return recorder_.text.ends_with("after"); })) << recorder_.text;
    EXPECT_EQ(port.stats()->reopens, 0U);
    EXPECT_EQ(recorder_.count<port::WentOffline>(), 0U);
}

TEST_P(OutsideTest, SpeedZeroAndAReceiverTurnedOffAreUndone) {
    auto& port = watched_port().port();

    from_outside([](termios& modes) {
        ::cfsetspeed(&modes, B0);
        modes.c_cflag &= ~tcflag_t{CREAD};
    });

    EXPECT_TRUE(until([&] { return changes().size() == 2U; }));
    EXPECT_EQ(changes()[0].settings.baud, 0U);
    EXPECT_EQ(port.settings().baud, 115200U);
    EXPECT_NE(modes().c_cflag & CREAD, 0U);
}

TEST_P(OutsideTest, SettingsAreChangedBackWhereTheConfigurationSaysSo) {
    auto& port = watched_port(/*restore=*/true).port();

    from_outside([](termios& modes) { ::cfsetspeed(&modes, B9600); });

    EXPECT_TRUE(until([&] { return changes().size() == 2U; }));
    EXPECT_TRUE(changes()[0].changed_outside);
    EXPECT_EQ(changes()[0].settings.baud, 9600U);
    EXPECT_FALSE(changes()[1].changed_outside);
    EXPECT_EQ(changes()[1].settings.baud, 115200U);
    EXPECT_EQ(port.settings().baud, 115200U);
    const termios now = modes();
    EXPECT_EQ(::cfgetospeed(&now), speed_t{B115200});
}

TEST_P(OutsideTest, OurOwnChangesAreNotTakenForForeignOnes) {
    auto& port = watched_port().port();
    for (const std::uint32_t baud : {9600U, 31250U, 57600U}) {
        ASSERT_TRUE(reply_of<line::Settings>([&](auto reply) { port.change_settings({.baud = baud}, soon(), reply); }));
    }
    const auto end = std::chrono::steady_clock::now() + 1200ms;  // two looks

    until([&] { return std::chrono::steady_clock::now() > end; });

    ASSERT_EQ(changes().size(), 3U);
    for (const auto& change : changes()) EXPECT_FALSE(change.changed_outside);
}

/// A process that has a file open and waits until it is killed.
class Holder {
public:
    Holder(const std::string& path, int flags) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return;
        pid_ = ::fork();
        if (pid_ == 0) {
            ::setsid();
            // This process's own descriptors of the device are none of the holder's.
            const int ready = 3;
            ::dup2(ends[1], ready);
            ::close_range(ready + 1, ~0U, 0);
            const int fd = ::open(path.c_str(), flags | O_NOCTTY | O_NONBLOCK);
            if (::write(ready, "x", 1) != 1 || fd < 0) ::_exit(1);
            for (;;) ::pause();
        }
        char ready = 0;
        EXPECT_EQ(::read(ends[0], &ready, 1), 1);
        ::close(ends[0]);
        ::close(ends[1]);
    }
    ~Holder() { end(); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    void end() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    std::string text() const { return "(pid " + std::to_string(pid_) + ")"; }

private:
    pid_t pid_ = -1;
};

TEST_P(OutsideTest, AnotherReaderOfTheDeviceIsNamed) {
    plug();
    const Holder reader(pty_->path, O_RDWR);

    auto& channel = add_port(node());
    recorder_.start(channel, hub::StartOldest{});
    const port::Port& port = channel.port();

    ASSERT_TRUE(until([&] { return !port.foreign_readers().empty(); }));
    ASSERT_EQ(port.foreign_readers().size(), 1U);
    EXPECT_NE(port.foreign_readers()[0].find(reader.text()), std::string::npos) << port.foreign_readers()[0];
    EXPECT_EQ(port.stats()->foreign_readers, 1U);
    EXPECT_EQ(recorder_.count<port::ForeignReadersFound>(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Engines, OutsideTest, testing::Values("io_uring", "sigio", "epoll", "aio"),
                         [](const auto& param_info) { return param_info.param; });

TEST(DeviceReaders, ThoseThatReadAreNamedAndNobodyElse) {
    const io::Pty pty = io::open_pty().value();
    struct stat node {};
    ASSERT_EQ(::fstat(pty.slave.get(), &node), 0);
    const auto readers = [&] { return base::device_readers({node.st_rdev}, 8)[node.st_rdev]; };
    Holder first(pty.path, O_RDONLY);
    const Holder second(pty.path, O_RDWR);
    const Holder writer(pty.path, O_WRONLY);

    EXPECT_EQ(readers().size(), 2U) << "neither this process nor one that only writes";
    EXPECT_EQ(base::device_readers({node.st_rdev}, 1)[node.st_rdev].size(), 1U);
    first.end();

    ASSERT_EQ(readers().size(), 1U);
    EXPECT_TRUE(readers()[0].ends_with(second.text())) << readers()[0];
}

}  // namespace
}  // namespace vserd
