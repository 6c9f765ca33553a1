#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support/patience.hpp"

namespace vserd::test {

/// A directory under /tmp that is removed at the end.
class ScratchFolder {
public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }
    /// Writes a file and returns its path.
    std::string write(const std::string& name, const std::string& content) const;

private:
    std::filesystem::path path_;
};

/// A child process of this one. The destructor kills it with SIGKILL and reaps it.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid) {}
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const noexcept { return status_ < 0 ? pid_ : -1; }  ///< -1 after wait() has returned the status
    void signal(int number) const;
    /// Returns the exit status (128 + n if signal n ended it), or -1 if it has not ended within `limit`.
    int wait(std::chrono::milliseconds limit = patience);

private:
    pid_t pid_;
    int status_ = -1;
};

/// A program that runs as a child, with pipes for its output.
class Process {
public:
    explicit Process(const std::vector<std::string>& command);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// The next line of standard output, without the end of line; empty if none arrives within `limit`.
    std::string read_line(std::chrono::milliseconds limit = patience);
    void signal(int number) const { child_.signal(number); }
    int wait(std::chrono::milliseconds limit = patience) { return child_.wait(limit); }  ///< as Child::wait()
    /// All of standard error so far.
    std::string errors() const;
    pid_t pid() const noexcept { return child_.pid(); }

private:
    pid_t start(const std::vector<std::string>& command);

    int output_ = -1;
    std::string errors_file_;
    std::string pending_;
    Child child_;
};

/// Checks until `condition` holds or the time is over; for states that no event reports.
template <class Condition>
bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace vserd::test
