// What open_line says about devices that it cannot have.

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "line/line.hpp"
#include "port/device.hpp"
#include "support/pty.hpp"
#include "support/settings.hpp"

namespace vserd::line {
namespace {

constexpr uid_t nobody = 65534;

Error refusal(std::string_view device, const Settings& settings = {}) {
    const auto opened = port::open_line(device, test::valid(settings));
    if (!opened) return opened.error();
    ADD_FAILURE() << device << " opened";
    return {};
}

/// Another process that has the device open, and marks it as its own by flock or TIOCEXCL.
class Holder {
public:
    enum class Means { flock, exclusive };

    Holder(const std::string& path, Means means, const char* name = nullptr) {
        int ready[2] = {-1, -1};
        if (::pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        pid_ = ::fork();
        if (pid_ == 0) hold(path.c_str(), means, name, ready[1]);
        ::close(ready[1]);
        char byte = 0;
        const auto got = ::read(ready[0], &byte, 1);
        ::close(ready[0]);
        if (got != 1) throw std::runtime_error("the holder could not open " + path);
    }
    ~Holder() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    pid_t pid() const noexcept { return pid_; }

private:
    [[noreturn]] static void hold(const char* path, Means means, const char* name, int ready) {
        // After fork: system calls only.
        if (name != nullptr) ::prctl(PR_SET_NAME, name);
        const int fd = ::open(path, O_RDWR | O_NOCTTY);
        const bool held = fd >= 0 && (means == Means::flock ? ::flock(fd, LOCK_EX) : ::ioctl(fd, TIOCEXCL)) == 0;
        if (held && ::write(ready, "x", 1) == 1) {
            for (;;) ::pause();
        }
        ::_exit(1);
    }

    pid_t pid_ = -1;
};

/// Runs the calling thread, and only it, as a user without rights.
class AsNobody {
public:
    AsNobody() { ::syscall(SYS_setresuid, -1, nobody, -1); }
    ~AsNobody() { ::syscall(SYS_setresuid, -1, 0, -1); }
    AsNobody(const AsNobody&) = delete;
    AsNobody& operator=(const AsNobody&) = delete;
};

TEST(OpenLine, RefusesADirectoryAndAFile) {
    const auto directory = refusal(::testing::TempDir());
    const auto file = refusal("/proc/self/comm");

    EXPECT_EQ(directory.failure, Failure::invalid_argument);
    EXPECT_EQ(directory.subject, "device");
    EXPECT_NE(directory.message.find("is a directory, not a serial device"), std::string::npos) << directory.message;
    EXPECT_EQ(file.failure, Failure::invalid_argument);
    EXPECT_NE(file.message.find("is a regular file, not a serial device"), std::string::npos) << file.message;
}

TEST(OpenLine, RefusesACharacterDeviceThatIsNoTty) {
    const auto error = refusal("/dev/null");

    EXPECT_EQ(error.failure, Failure::invalid_argument);
    EXPECT_NE(error.message.find("/dev/null"), std::string::npos);
    EXPECT_NE(error.message.find("not a serial device"), std::string::npos) << error.message;
}

TEST(OpenLine, SaysThatADeviceIsNotThere) {
    for (const auto* path : {"/dev/ttyNOTHERE", "/dev/vser987654"}) {
        const auto error = refusal(path);

        EXPECT_EQ(error.failure, Failure::io);
        EXPECT_EQ(error.errno_value, ENOENT);
        EXPECT_NE(error.message.find(path), std::string::npos);
    }
}

TEST(OpenLine, RefusesSettingsThatTheDeviceCannotTake) {
    const auto pty = test::open_pty();

    EXPECT_EQ(refusal(pty.path, {9600, *parse_format("8N1.5")}).subject, "format.stop_bits");
    EXPECT_TRUE(port::open_line(pty.path, test::valid({9600, *parse_format("8N2")}))) << "the refusals left it free";
}

TEST(OpenLine, NamesTheProcessThatHoldsTheDevice) {
    for (const auto means : {Holder::Means::flock, Holder::Means::exclusive}) {
        const auto pty = test::open_pty();
        const Holder holder(pty.path, means);
        const std::string who = "pid " + std::to_string(holder.pid()) + " (contract_line)";

        if (means == Holder::Means::exclusive) {
            // The test holds the slave as well, and may be named in its place.
            EXPECT_EQ(refusal(pty.path).errno_value, EBUSY);
            continue;
        }
        const auto error = refusal(pty.path);

        EXPECT_EQ(error.errno_value, EBUSY);
        EXPECT_EQ(error.subject, who);
        EXPECT_NE(error.message.find("is in use by " + who), std::string::npos) << error.message;
    }
}

TEST(OpenLine, NamesAHolderInUtf8WhateverItCallsItself) {
    const auto pty = test::open_pty();
    const Holder holder(pty.path, Holder::Means::flock,
                        "gold\x1B[1mfi\u00FCch\u00FC");  // cut after 15 bytes, in a character

    const auto error = refusal(pty.path);

    EXPECT_EQ(error.subject, "pid " + std::to_string(holder.pid()) + " (gold\uFFFD[1mfi\u00FCch\uFFFD)");
}

TEST(OpenLine, NamesTheHolderOfAnExclusiveDevice) {
    auto pty = test::open_pty();
    pty.slave.reset();
    const Holder holder(pty.path, Holder::Means::exclusive);

    const auto error = refusal(pty.path);

    EXPECT_EQ(error.errno_value, EBUSY);
    EXPECT_NE(error.subject.find("pid " + std::to_string(holder.pid()) + " ("), std::string::npos) << error.subject;
}

TEST(OpenLine, OpensADeviceWhoseExclusiveHolderDied) {
    auto pty = test::open_pty();
    pty.slave.reset();
    if (::geteuid() != 0) GTEST_SKIP() << "the kernel lets only root into a terminal that stayed exclusive";

    { const Holder holder(pty.path, Holder::Means::exclusive); }

    EXPECT_TRUE(port::open_line(pty.path, {}));
}

TEST(OpenLine, OpensForAnybodyAPseudoTerminalWhoseServerWasKilled) {
    auto pty = test::open_pty();
    pty.slave.reset();
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(pty.path.c_str(), nobody, 0), 0);
    }

    const pid_t server = ::fork();
    if (server == 0) {
        const auto line = port::open_line(pty.path, {});
        ::raise(line ? SIGKILL : SIGABRT);
    }
    int status = 0;
    ::waitpid(server, &status, 0);
    ASSERT_EQ(WTERMSIG(status), SIGKILL) << "it could not open it";

    const AsNobody rights;
    const auto line = port::open_line(pty.path, {});
    EXPECT_TRUE(line) << line.error().message;
}

TEST(OpenLine, OpensADeviceWhoseHeldDescriptorWasRefused) {
    auto pty = test::open_pty();
    pty.slave.reset();
    base::Fd held(::open(pty.path.c_str(), O_RDWR | O_NOCTTY));  // not as we open devices
    ASSERT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0);
    ASSERT_EQ(::ioctl(held.get(), TIOCEXCL), 0);
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(pty.path.c_str(), nobody, 0), 0);
    }
    const base::Fd of_the_store(::dup(held.get()));

    const auto adopted = port::adopt_line(pty.path, std::move(held), {});

    ASSERT_FALSE(adopted);
    EXPECT_NE(adopted.error().message.find("was opened with other flags"), std::string::npos)
        << adopted.error().message;
    const AsNobody rights;
    const auto opened = port::open_line(pty.path, {});
    EXPECT_TRUE(opened) << opened.error().message;
}

TEST(OpenLine, SaysSoWhenTheServerItselfHasTheDevice) {
    const auto pty = test::open_pty();
    const auto first = port::open_line(pty.path, {});
    ASSERT_TRUE(first) << first.error().message;

    const auto error = refusal(pty.path);

    EXPECT_EQ(error.errno_value, EBUSY);
    EXPECT_NE(error.message.find("this server itself"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("configured twice"), std::string::npos) << error.message;
}

TEST(OpenLine, HonoursTheLockFileOfAnotherProgram) {
    const auto pty = test::open_pty();
    const std::string name = "ttyTEST" + std::to_string(::getpid());
    const auto link = std::filesystem::path(::testing::TempDir()) / name;
    const auto lock = std::filesystem::path("/run/lock") / ("LCK.." + name);
    if (!(std::ofstream(lock) << "         1\n").flush()) GTEST_SKIP() << "/run/lock cannot be written to";
    std::filesystem::create_symlink(pty.path, link);

    const auto held = refusal(link.native());
    std::ofstream(lock) << "4194999\n";  // above pid_max: a holder that is gone
    const auto stale = port::open_line(link.native(), {});

    EXPECT_EQ(held.errno_value, EBUSY);
    EXPECT_TRUE(held.subject.starts_with("pid 1 (")) << held.subject;
    EXPECT_TRUE(stale) << stale.error().message;
    std::filesystem::remove(lock);
    std::filesystem::remove(link);
}

TEST(OpenLine, SaysWhichGroupMayUseTheDevice) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a device that it may not use";
    const auto pty = test::open_pty();
    const group* dialout = ::getgrnam("dialout");
    ASSERT_NE(dialout, nullptr);
    ASSERT_EQ(::chown(pty.path.c_str(), 0, dialout->gr_gid), 0);
    ASSERT_EQ(::chmod(pty.path.c_str(), 0660), 0);

    Error error;
    {
        const AsNobody rights;
        error = refusal(pty.path);
    }

    EXPECT_EQ(error.errno_value, EACCES);
    EXPECT_NE(error.message.find("add user nobody to group dialout"), std::string::npos) << error.message;
}

TEST(OpenLine, DrivesADeviceBehindALink) {
    const auto pty = test::open_pty();
    const auto link = std::filesystem::path(::testing::TempDir()) / ("vserd-link-" + std::to_string(::getpid()));
    std::filesystem::create_symlink(pty.path, link);

    const auto opened = port::open_line(link.native(), {});

    EXPECT_TRUE(opened);
    std::filesystem::remove(link);
}

TEST(OpenLine, LeavesNoDescriptorBehindWhenRefused) {
    const auto pty = test::open_pty();
    const auto open_files = [] {
        const std::filesystem::directory_iterator files("/proc/self/fd");
        return std::distance(begin(files), end(files));
    };
    const auto before = open_files();

    for (int i = 0; i < 100; ++i) {
        refusal("/dev/null");
        refusal("/dev");
        refusal(pty.path, {9600, *parse_format("7N1.5")});
    }

    EXPECT_EQ(open_files(), before);
}

TEST(TtyLine, ReadsZeroWhenItsFarEndGoes) {
    auto pty = test::open_pty();
    pty.slave.reset();
    const auto line = port::open_line(pty.path, {});
    ASSERT_TRUE(line);

    pty.master.reset();

    char byte = 0;
    ASSERT_TRUE(test::wait_for((*line)->fd(), POLLIN));
    EXPECT_EQ(::read((*line)->fd(), &byte, 1), 0);
    EXPECT_FALSE((*line)->apply({}));
    EXPECT_EQ((*line)->apply({}).error().errno_value, EIO);
}

TEST(TtyLine, UsesTheConstantOfAStandardSpeedSoThatOthersCanReadAndRestoreIt) {
    const struct {
        std::uint32_t baud;
        speed_t constant;
    } table[] = {{50, B50}, {9600, B9600}, {115200, B115200}, {500000, B500000}, {4000000, B4000000}};
    for (const auto& [baud, constant] : table) {
        const auto pty = test::open_pty();
        const auto line = port::open_line(pty.path, test::valid({baud, {}}));
        ASSERT_TRUE(line);
        termios seen{};

        ASSERT_EQ(::tcgetattr(pty.slave.get(), &seen), 0);
        EXPECT_EQ(::cfgetospeed(&seen), constant) << baud;
        EXPECT_EQ(::tcsetattr(pty.slave.get(), TCSANOW, &seen), 0) << baud;
        EXPECT_EQ((*line)->read_back()->baud, baud);
    }
}

TEST(TtyLine, TakesASpeedThatHasNoConstant) {
    const auto pty = test::open_pty();
    const auto line = port::open_line(pty.path, test::valid({31250, {}}));

    ASSERT_TRUE(line);
    EXPECT_EQ((*line)->read_back()->baud, 31250U);
    EXPECT_EQ((*line)->apply(test::valid({9600, {}}))->baud, 9600U);
}

TEST(TtyLine, HangsUpOnCloseOnlyIfItIsToldTo) {
    for (const bool wanted : {false, true}) {
        const auto pty = test::open_pty();
        const auto line = port::open_line(pty.path, {}, {.hangup_on_close = wanted});
        ASSERT_TRUE(line);
        termios seen{};

        ASSERT_EQ(::tcgetattr(pty.slave.get(), &seen), 0);
        EXPECT_EQ((seen.c_cflag & HUPCL) != 0, wanted);
    }
}

TEST(TtyLine, TellsWhatAPseudoTerminalLacks) {
    const auto pty = test::open_pty();
    const auto line = port::open_line(pty.path, {});
    ASSERT_TRUE(line);

    const auto capabilities = (*line)->capabilities();

    EXPECT_TRUE(capabilities.baud && capabilities.format && capabilities.flow_control && capabilities.flush);
    EXPECT_FALSE(capabilities.modem_signals || capabilities.send_break || capabilities.error_counters);
}

}  // namespace
}  // namespace vserd::line
