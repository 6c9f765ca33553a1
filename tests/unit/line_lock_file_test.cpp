#include "line/lock_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace vserd::line {
namespace {

constexpr uid_t nobody = 65534;
constexpr uid_t somebody = 65533;

/// A process of `user` that only waits.
class Process {
public:
    explicit Process(uid_t user = ::geteuid()) {
        int ready[2] = {-1, -1};
        if (::pipe2(ready, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
        pid_ = ::fork();
        if (pid_ == 0) wait_as(user, ready[1]);
        ::close(ready[1]);
        char byte = 0;
        const auto got = ::read(ready[0], &byte, 1);
        ::close(ready[0]);
        if (got != 1) throw std::runtime_error("no process of user " + std::to_string(user));
    }
    ~Process() {
        kill();
        ::waitpid(pid_, nullptr, 0);
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// It is a zombie from then on.
    void kill() const {
        ::kill(pid_, SIGKILL);
        siginfo_t ended{};
        ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT);
    }
    std::string pid() const { return std::to_string(pid_); }
    pid_t number() const { return pid_; }

private:
    [[noreturn]] static void wait_as(uid_t user, int ready) {  // after fork: system calls only
        if ((user == ::geteuid() || ::setuid(user) == 0) && ::write(ready, "x", 1) == 1) {
            for (;;) ::pause();
        }
        ::_exit(1);
    }

    pid_t pid_ = -1;
};

/// A directory for lock files, of which `file` is that of /dev/ttyTEST.
class LockFileTest : public ::testing::Test {
protected:
    LockFileTest() { std::filesystem::create_directories(directory); }
    ~LockFileTest() override { std::filesystem::remove_all(directory); }

    std::optional<LockFile> found(const std::string& device = "/dev/ttyTEST") const {
        const char* const directories[] = {directory.c_str()};
        return find_lock_file(device, directories);
    }
    void write(std::string_view content) const { std::ofstream(file) << content; }

    const std::string directory = ::testing::TempDir() + "vserd-locks-" + std::to_string(::getpid());
    const std::string file = directory + "/LCK..ttyTEST";
};

TEST_F(LockFileTest, NamesTheProcessInEachCustomaryForm) {
    const Process holder;
    const pid_t pid = holder.number();
    const std::string binary(reinterpret_cast<const char*>(&pid), sizeof pid);
    for (const auto& content :
         {"         " + holder.pid() + "\n", holder.pid(), holder.pid() + " minicom root\n", binary}) {
        write(content);

        const auto lock = found();

        ASSERT_TRUE(lock) << content;
        EXPECT_EQ(lock->path, file);
        EXPECT_TRUE(lock->holder.starts_with("pid " + holder.pid() + " (")) << lock->holder;
    }
}

TEST_F(LockFileTest, IsFoundByTheNameThatALinkLeadsTo) {
    const Process holder;
    const auto device = directory + "/ttyTEST";
    const auto link = directory + "/usb-adapter";
    std::ofstream(device) << "";
    std::filesystem::create_symlink(device, link);
    write(holder.pid());

    EXPECT_TRUE(found(link));
}

TEST_F(LockFileTest, ThatNamesNoLivingOtherProcessIsIgnored) {
    Process ended;
    ended.kill();
    const std::string own = std::to_string(::getpid());
    for (const std::string content :
         {"4194999", "0", "-1", "", "\n", "minicom", "99999999999999999999", "12x", "\x01\x02"}) {
        write(content);
        EXPECT_FALSE(found()) << content;
    }
    write(own);
    EXPECT_FALSE(found());
    write(ended.pid());
    EXPECT_FALSE(found()) << "a zombie holds nothing";
}

TEST_F(LockFileTest, ThatIsNoSmallRegularFileIsIgnoredAtOnce) {
    const Process holder;
    const auto other = directory + "/other";
    std::ofstream(other) << holder.pid();

    ASSERT_EQ(::mkfifo(file.c_str(), 0666), 0);
    EXPECT_FALSE(found());  // and does not wait for a writer
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
    EXPECT_FALSE(found());
    std::filesystem::remove(file);
    std::filesystem::create_symlink(other, file);
    EXPECT_FALSE(found());
    std::filesystem::remove(file);
    write(holder.pid() + "\n" + std::string(lock_bytes_max, ' '));
    EXPECT_FALSE(found());
    std::filesystem::resize_file(file, lock_bytes_max);
    EXPECT_TRUE(found());
    std::filesystem::resize_file(file, std::uintmax_t{1} << 40);  // sparse
    EXPECT_FALSE(found());
}

TEST_F(LockFileTest, CountsOnlyIfRootOrTheUserOfTheProcessOwnsIt) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
    const Process of_nobody(nobody);
    write(of_nobody.pid());

    EXPECT_TRUE(found()) << "of root";
    ASSERT_EQ(::chown(file.c_str(), nobody, 0), 0);
    EXPECT_TRUE(found()) << "of the user of the process";
    ASSERT_EQ(::chown(file.c_str(), somebody, 0), 0);
    EXPECT_FALSE(found()) << "of another user";
    write("1\n");  // keeps the owner
    EXPECT_FALSE(found()) << "a user's file that names init";
}

}  // namespace
}  // namespace vserd::line
