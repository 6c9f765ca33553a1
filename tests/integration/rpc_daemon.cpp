#include "integration/rpc_daemon.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

extern char** environ;

namespace vserd::rpc_test {
namespace {

using Clock = std::chrono::steady_clock;

std::string read_all(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    return content.str();
}

int milliseconds_until(Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
}

}  // namespace

Process::Process(const std::vector<std::string>& command) {
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
    const int error = ::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    ::close(errors);
    output_ = ends[0];
    if (error != 0) throw std::runtime_error("cannot start " + command[0]);
}

Process::~Process() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    ::close(output_);
    ::unlink(errors_file_.c_str());
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

void Process::signal(int number) const { ::kill(pid_, number); }

int Process::wait(std::chrono::milliseconds limit) {
    const auto deadline = Clock::now() + limit;
    int status = 0;
    for (;;) {
        const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
        if (ended == pid_) break;
        if (Clock::now() > deadline) return -1;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string Process::errors() const { return read_all(errors_file_); }

ScratchFolder::ScratchFolder() {
    char name[] = "/tmp/vserd-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("cannot make a folder in /tmp");
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

std::string vserd_program() {
    const char* other = std::getenv("VSERD_PROGRAM");  // one built with a sanitizer, say
    return other != nullptr ? other : VSERD_PROGRAM;
}

bool memory_tells() { return std::getenv("VSERD_PROGRAM") == nullptr; }

std::string port_table(const std::string& name, const std::string& device, const std::string& more) {
    return "[[port]]\nname = \"" + name + "\"\ndevice = \"" + device + "\"\n" + more + "\n";
}

std::vector<std::string> sandboxed(const std::vector<std::string>& options, std::vector<std::string> command) {
    if (options.empty()) return command;
    std::vector<std::string> whole{SANDBOX_PROGRAM};
    whole.insert(whole.end(), options.begin(), options.end());
    whole.insert(whole.end(), command.begin(), command.end());
    return whole;
}

Daemon::Daemon(const std::string& ports, const std::string& server, const std::vector<std::string>& sandbox)
    : server_(server),
      config_file_(folder_.write("vserd.toml", text(ports, server))),
      process_(sandboxed(sandbox, {vserd_program(), "--config", config_file_})) {
    const std::string line = process_.read_line();
    const auto begin = line.find("127.0.0.1:");
    if (begin == std::string::npos) throw std::runtime_error("vserd did not start: " + line + process_.errors());
    address_ = line.substr(begin, line.find_first_of(",;", begin) - begin);
}

Daemon::~Daemon() {
    if (process_.pid() < 0) return;
    process_.signal(SIGTERM);
    EXPECT_EQ(process_.wait(), 0) << process_.errors();
}

std::string Daemon::text(const std::string& ports, const std::string& server) {
    const std::string listen = server.find("listen") == std::string::npos ? "listen = [\"127.0.0.1:0\"]\n" : "";
    const std::string drain = server.find("drain_limit") == std::string::npos ? "drain_limit = \"200ms\"\n" : "";
    return "[server]\n" + listen + drain + "metrics = \"\"\n" + server + "\n" + ports;
}

void Daemon::reload(const std::string& ports) {
    folder_.write("vserd.toml", text(ports, server_));
    process_.signal(SIGHUP);
}

std::size_t Daemon::descriptors() const {
    const auto folder = "/proc/" + std::to_string(process_.pid()) + "/fd";
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

std::size_t Daemon::resident_bytes() const {
    std::istringstream fields(read_all("/proc/" + std::to_string(process_.pid()) + "/statm"));
    std::size_t total = 0;
    std::size_t resident = 0;
    fields >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace vserd::rpc_test
