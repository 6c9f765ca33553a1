#pragma once

#include <sys/types.h>
#include <termios.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// vserd and vserctl as the processes that people run.
namespace vserd::test {

/// What anything may take before a test fails.
inline constexpr std::chrono::seconds process_patience{20};

std::string program(const std::string& name);  // in the build's bin folder

/// A folder of its own under /tmp, removed at the end.
class TempFolder {
public:
    TempFolder();
    ~TempFolder();
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    std::filesystem::path path() const { return path_; }

private:
    std::filesystem::path path_;
};

/// A child process; killed and reaped at the end.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid) {}
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    /// Waits for its end: the exit status, or 128 + the signal that ended it. Throws at the deadline.
    int wait();

private:
    pid_t pid_;
    int status_ = -1;
};

/// A real vserd on a Unix socket, with simulated ports: "console", "echo", "fast" (an echo without pacing), "gone"
/// (never there).
class Daemon {
public:
    Daemon();
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Returns once it serves.
    void start();
    void kill();  // -9
    /// Puts another simulated device behind "fast" and reloads.
    void replace_fast(const std::string& device);
    std::string socket() const { return folder_.path() / "vserd.sock"; }
    std::string address() const { return "unix:" + socket(); }

private:
    void configure(const std::string& fast_device) const;

    TempFolder folder_;
    std::unique_ptr<Child> child_;
    int output_ = -1;
};

struct Finished {
    int status = -1;  ///< as Child::wait()
    std::string out;
    std::string err;
};

/// Runs `vserctl ARGUMENTS` with stdin from `input`, to its end.
Finished vserctl(const std::string& address, const std::vector<std::string>& arguments, std::string_view input = {});

/// Waits until `fd` is readable and appends what is there; false when it was closed. Throws at the deadline.
bool read_some(int fd, std::string& to, std::chrono::steady_clock::time_point deadline);

/// `vserctl ARGUMENTS` on a terminal of its own, as the leader of its session.
class TerminalProgram {
public:
    TerminalProgram(const std::string& address, const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& environment = {});
    ~TerminalProgram();
    TerminalProgram(const TerminalProgram&) = delete;
    TerminalProgram& operator=(const TerminalProgram&) = delete;

    Child& child() { return child_; }
    void type(std::string_view keys);
    /// Reads until the text was shown (after what an earlier expect() found) and returns all up to its end.
    std::string expect(std::string_view text);
    /// All that was shown and not yet expected, up to the program's end.
    std::string rest();
    void resize(unsigned short columns, unsigned short rows) const;
    termios modes() const;
    bool raw() const { return (modes().c_lflag & (ICANON | ECHO | ISIG)) == 0; }
    bool becomes_raw() const;  // within the usual patience
    /// The modes that the terminal had before the program started.
    const termios& modes_before() const { return before_; }
    bool restored() const;

private:
    int master_ = -1;
    int slave_ = -1;  // held open, so that the terminal outlives the program
    termios before_{};
    Child child_;
    std::string shown_;
};

}  // namespace vserd::test
