#pragma once

#include <sys/types.h>
#include <termios.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/vserd_process.hpp"

/// vserd and vserctl as the processes that people run.
namespace vserd::test {

/// The path of a program in the build's bin directory.
std::string program(const std::string& name);

/// A vserd on a Unix socket, with simulated ports: "console", "echo", "fast" (an echo without pacing), "gone" (its device does
/// not exist).
class SimulatedDaemon {
public:
    SimulatedDaemon();

    void kill() { daemon_.kill(); }
    void start() { daemon_.start(); }
    /// Gives "fast" another simulated device and reloads.
    void replace_fast(const std::string& device);
    std::string socket() const { return daemon_.folder().path() / "vserd.sock"; }
    const std::string& address() const { return daemon_.address(); }

private:
    Daemon daemon_;
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
