#include "vserctl/piped_process.hpp"

#include "vserctl/argument_pointers.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <system_error>

namespace vserctl {
namespace {

/// The child gets the default signal handling, and a process group of its own: Ctrl-C is for vserctl, which cancels the transfer.
int spawn(const std::vector<std::string>& command, const std::string& directory, int io, int messages, pid_t& pid) {
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, io, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, io, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, messages, STDERR_FILENO);
    ::posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
    posix_spawnattr_t attributes{};
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    sigset_t ignored;
    ::sigemptyset(&ignored);
    ::sigaddset(&ignored, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &ignored);
    const std::vector<char*> words = argument_pointers(command);
    const int error = ::posix_spawn(&pid, command.front().c_str(), &actions, &attributes, words.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    return error;
}

}  // namespace

std::optional<std::string> PipedProcess::find(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string directory; std::getline(directories, directory, ':');) {
        const auto candidate = (directory.empty() ? "." : directory) + "/" + name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return std::nullopt;
}

PipedProcess::PipedProcess(const std::vector<std::string>& command, const std::string& directory) {
    std::array<int, 2> io{-1, -1};
    std::array<int, 2> messages{-1, -1};
    int error = 0;
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, io.data()) < 0 || ::pipe2(messages.data(), O_CLOEXEC) < 0)
        error = errno;
    if (error == 0) error = spawn(command, directory, io[1], messages[1], pid_);
    ::close(io[1]);
    ::close(messages[1]);
    io_fd_ = io[0];
    messages_fd_ = messages[0];
    if (error == 0) {
        exit_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
        if (exit_fd_ < 0) error = errno;
        ::fcntl(io_fd_, F_SETFL, O_NONBLOCK);
        ::fcntl(messages_fd_, F_SETFL, O_NONBLOCK);
    }
    if (error == 0) return;
    if (pid_ > 0) kill();
    ::close(io_fd_);
    ::close(messages_fd_);
    throw std::system_error(error, std::generic_category(), command.front());
}

PipedProcess::~PipedProcess() {
    kill();
    ::close(exit_fd_);
    ::close(messages_fd_);
    ::close(io_fd_);
}

std::optional<int> PipedProcess::status() {
    int raw = 0;
    if (!status_ && ::waitpid(pid_, &raw, WNOHANG) == pid_)
        status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return status_;
}

void PipedProcess::terminate() const noexcept {
    if (!status_) ::kill(pid_, SIGTERM);
}

void PipedProcess::kill() noexcept {
    if (status()) return;
    ::kill(pid_, SIGKILL);
    int raw = 0;
    while (::waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
    }
    status_ = 128 + SIGKILL;
}

}  // namespace vserctl
