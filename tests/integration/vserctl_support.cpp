#include "integration/vserctl_support.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utmp.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace vserd::test {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

[[noreturn]] void fail_errno(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

Clock::time_point patience_from_now() { return Clock::now() + patience; }

std::vector<char*> to_argv(std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    return argv;
}

struct Pipe {
    int read_end = -1;
    int write_end = -1;
    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_errno("pipe2");
        read_end = ends[0];
        write_end = ends[1];
    }
};

void close_fd(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
}

[[noreturn]] void exec(std::vector<std::string>& words) {
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(words.front().c_str(), to_argv(words).data());
    ::_exit(127);
}

pid_t spawn(std::vector<std::string> words, int in, int out, int err) {
    const pid_t pid = ::fork();
    if (pid < 0) fail_errno("fork");
    if (pid == 0) {
        ::dup2(in, STDIN_FILENO);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(err, STDERR_FILENO);
        exec(words);
    }
    return pid;
}

/// Starts the program as the leader of a session on the terminal.
pid_t spawn_on_terminal(int slave, std::vector<std::string> words,
                        const std::map<std::string, std::string>& environment) {
    const pid_t pid = ::fork();
    if (pid < 0) fail_errno("fork");
    if (pid == 0) {
        ::unsetenv("NO_COLOR");
        ::setenv("TERM", "xterm-256color", 1);
        for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
        ::login_tty(::dup(slave));
        exec(words);
    }
    return pid;
}

std::vector<std::string> vserctl_words(const std::string& address, const std::vector<std::string>& arguments) {
    std::vector<std::string> words{program("vserctl"), "-s", address};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

}  // namespace

std::string program(const std::string& name) {
    const char* folder = std::getenv("VSERD_BUILD_DIR");
    if (folder != nullptr) return std::string(folder) + "/bin/" + name;
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

namespace {

std::string simulated_ports(const std::string& fast_device) {
    return port_table("console", "sim:console", "baud = 4000000") + port_table("echo", "sim:echo") +
           port_table("fast", fast_device, "baud = 4000000") +
           port_table("gone", "/dev/vserd-test-never-there", "baud = 9600");
}

}  // namespace

SimulatedDaemon::SimulatedDaemon()
    : daemon_(simulated_ports("sim:echo?unpaced=1"), {}, {}, Daemon::Listen::unix_socket) {}

void SimulatedDaemon::replace_fast(const std::string& device) { daemon_.reload(simulated_ports(device)); }

bool read_some(int fd, std::string& to, Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd in{.fd = fd, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&in, 1, static_cast<int>(left.count())) != 1) fail("nothing came; so far: " + to);
    std::array<char, 65536> buffer;
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count <= 0) return false;  // EIO: a terminal that was left
    to.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
}

Finished vserctl(const std::string& address, const std::vector<std::string>& arguments, std::string_view input) {
    Pipe in;
    Pipe out;
    Pipe err;
    Child child(spawn(vserctl_words(address, arguments), in.read_end, out.write_end, err.write_end));
    for (int* end : {&in.read_end, &out.write_end, &err.write_end}) close_fd(*end);
    ::fcntl(in.write_end, F_SETFL, O_NONBLOCK);
    ::signal(SIGPIPE, SIG_IGN);

    Finished finished;
    const auto deadline = patience_from_now();
    while (out.read_end >= 0 || err.read_end >= 0) {
        if (input.empty()) close_fd(in.write_end);
        std::array<pollfd, 3> fds{{{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}, {in.write_end, POLLOUT, 0}}};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0 || ::poll(fds.data(), fds.size(), static_cast<int>(left.count())) <= 0) {
            fail("vserctl did not end; it said: " + finished.out + finished.err);
        }
        if (fds[0].revents != 0 && !read_some(out.read_end, finished.out, deadline)) close_fd(out.read_end);
        if (fds[1].revents != 0 && !read_some(err.read_end, finished.err, deadline)) close_fd(err.read_end);
        if (fds[2].revents != 0) {
            const auto written = ::write(in.write_end, input.data(), input.size());
            input = written < 0 ? std::string_view() : input.substr(static_cast<std::size_t>(written));
        }
    }
    close_fd(in.write_end);
    finished.status = child.wait();
    return finished;
}

TerminalProgram::TerminalProgram(const std::string& address, const std::vector<std::string>& arguments,
                                 const std::map<std::string, std::string>& environment)
    : child_([&] {
          winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
          if (::openpty(&master_, &slave_, nullptr, nullptr, &size) != 0) fail_errno("openpty");
          ::fcntl(master_, F_SETFD, FD_CLOEXEC);
          ::fcntl(slave_, F_SETFD, FD_CLOEXEC);
          ::fcntl(master_, F_SETFL, O_NONBLOCK);
          ::tcgetattr(master_, &before_);
          return spawn_on_terminal(slave_, vserctl_words(address, arguments), environment);
      }()) {}

TerminalProgram::~TerminalProgram() {
    close_fd(master_);
    close_fd(slave_);
}

void TerminalProgram::type(std::string_view keys) {
    const auto deadline = patience_from_now();
    while (!keys.empty()) {
        const auto written = ::write(master_, keys.data(), keys.size());
        if (written > 0) keys.remove_prefix(static_cast<std::size_t>(written));
        if (keys.empty()) return;
        // A terminal that echoes needs its output taken, too.
        pollfd both{.fd = master_, .events = POLLOUT | POLLIN, .revents = 0};
        if (Clock::now() > deadline || ::poll(&both, 1, 1000) < 0) fail("the terminal takes no more keys");
        if ((both.revents & POLLIN) != 0) read_some(master_, shown_, deadline);
    }
}

std::string TerminalProgram::expect(std::string_view text) {
    const auto deadline = patience_from_now();
    for (;;) {
        if (const auto at = shown_.find(text); at != std::string::npos) {
            const auto before = shown_.substr(0, at + text.size());
            shown_.erase(0, before.size());
            return before;
        }
        try {
            read_some(master_, shown_, deadline);
        } catch (const std::runtime_error&) {
            fail("'" + std::string(text) + "' was not shown; instead: " + shown_);
        }
    }
}

std::string TerminalProgram::rest() {
    child_.wait();
    for (pollfd in{.fd = master_, .events = POLLIN, .revents = 0};
         ::poll(&in, 1, 0) == 1 && (in.revents & POLLIN) != 0;) {
        if (!read_some(master_, shown_, patience_from_now())) break;
    }
    return std::exchange(shown_, {});
}

void TerminalProgram::resize(unsigned short columns, unsigned short rows) const {
    const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(master_, TIOCSWINSZ, &size);
}

termios TerminalProgram::modes() const {
    termios now{};
    if (::tcgetattr(slave_, &now) != 0) fail_errno("tcgetattr");
    return now;
}

bool TerminalProgram::becomes_raw() const {
    const auto deadline = patience_from_now();
    while (!raw() && Clock::now() < deadline) ::sched_yield();  // nothing tells of a change of modes
    return raw();
}

bool TerminalProgram::restored() const {
    const auto now = modes();
    return now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag && now.c_cflag == before_.c_cflag &&
           now.c_lflag == before_.c_lflag && std::memcmp(now.c_cc, before_.c_cc, sizeof now.c_cc) == 0;
}

}  // namespace vserd::test
