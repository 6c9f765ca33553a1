#include "support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace vserd::test {
namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

}  // namespace

ScratchFolder::ScratchFolder() {
    char name[] = "/tmp/vserd-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("cannot make a directory in /tmp");
    path_ = name;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::write(const std::string& name, const std::string& content) const {
    const std::string file = path_ / name;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
    return file;
}

Child::~Child() {
    if (status_ >= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void Child::signal(int number) const {
    if (status_ < 0) ::kill(pid_, number);
}

int Child::wait(std::chrono::milliseconds limit) {
    if (status_ >= 0) return status_;
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    pollfd end{fd, POLLIN, 0};
    const int ready = ::poll(&end, 1, static_cast<int>(limit.count()));
    ::close(fd);
    if (ready != 1) return -1;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return status_;
}

Process::Process(const std::vector<std::string>& command) : child_(start(command)) {}

Process::~Process() {
    ::close(output_);
    ::unlink(errors_file_.c_str());
}

pid_t Process::start(const std::vector<std::string>& command) {
    char name[] = "/tmp/vserd-test-stderr-XXXXXX";
    const int errors = ::mkstemp(name);
    errors_file_ = name;
    int ends[2];
    if (errors < 0 || ::pipe2(ends, O_CLOEXEC) < 0) throw std::runtime_error("no pipe or file for a process");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, errors);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    ::close(errors);
    output_ = ends[0];
    if (error != 0) throw std::runtime_error("cannot start " + command[0]);
    return pid;
}

std::string Process::read_line(std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    for (;;) {
        if (const auto end = pending_.find('\n'); end != std::string::npos) {
            std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            return line;
        }
        pollfd readable{output_, POLLIN, 0};
        if (::poll(&readable, 1, milliseconds_until(deadline)) <= 0) return {};
        char buffer[4096];
        const ssize_t size = ::read(output_, buffer, sizeof buffer);
        if (size <= 0) return {};
        pending_.append(buffer, static_cast<std::size_t>(size));
    }
}

std::string Process::errors() const {
    std::ifstream stream(errors_file_, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    return content.str();
}

}  // namespace vserd::test
