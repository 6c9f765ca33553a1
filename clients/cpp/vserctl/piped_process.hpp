#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vserctl {

/// A program of another package, such as lrzsz, as a child process. Its standard input and output are one end of a socket pair.
class PipedProcess {
public:
    /// The full path of `name` in PATH; nothing if it is not installed.
    static std::optional<std::string> find(const std::string& name);

    /// Starts `command`, whose first word is a full path, in `directory`. Throws std::system_error.
    PipedProcess(const std::vector<std::string>& command, const std::string& directory);
    /// Kills the process if it still runs.
    ~PipedProcess();
    PipedProcess(const PipedProcess&) = delete;
    PipedProcess& operator=(const PipedProcess&) = delete;

    int io_fd() const noexcept { return io_fd_; }              ///< non-blocking
    int messages_fd() const noexcept { return messages_fd_; }  ///< its standard error; non-blocking
    int exit_fd() const noexcept { return exit_fd_; }          ///< readable when it has ended
    /// The exit status once it has ended; 128 and the signal if a signal ended it.
    std::optional<int> status();
    void terminate() const noexcept;
    void kill() noexcept;

private:
    int pid_ = -1;
    int io_fd_ = -1;
    int messages_fd_ = -1;
    int exit_fd_ = -1;
    std::optional<int> status_;
};

}  // namespace vserctl
