#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace vserd::rpc_test {

inline constexpr std::chrono::seconds patience{30};

/// A program that runs, with both of its outputs.
class Process {
public:
    explicit Process(const std::vector<std::string>& command);
    ~Process();  ///< ends it by SIGKILL where it still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// The next line of its standard output, without the end of line; empty when there is none in time.
    std::string read_line(std::chrono::milliseconds limit = patience);
    void signal(int number) const;
    /// Its exit status (128 + n when signal n ended it); -1 when it did not end in time.
    int wait(std::chrono::milliseconds limit = patience);
    /// All of its standard error; after wait().
    std::string errors() const;
    pid_t pid() const noexcept { return pid_; }  ///< -1 after wait() told how it ended

private:
    pid_t pid_ = -1;
    int output_ = -1;
    std::string errors_file_;
    std::string pending_;
};

/// A folder of its own that goes when the test does.
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

/// The real vserd, serving on a free port what a configuration says.
class Daemon {
public:
    /// `ports`: the [[port]] tables. `server`: more lines for [server]. `sandbox`: options of the program of that name.
    explicit Daemon(const std::string& ports, const std::string& server = {},
                    const std::vector<std::string>& sandbox = {});
    /// Ends it by SIGTERM where it still runs, and fails the test if it does not exit cleanly.
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    const std::string& address() const noexcept { return address_; }  ///< "127.0.0.1:PORT"
    const std::string& config_file() const noexcept { return config_file_; }
    const ScratchFolder& folder() const noexcept { return folder_; }
    Process& process() noexcept { return process_; }
    /// Replaces the configuration and sends SIGHUP.
    void reload(const std::string& ports);

    /// Of the running process.
    std::size_t descriptors() const;
    std::size_t resident_bytes() const;

private:
    static std::string text(const std::string& ports, const std::string& server);

    std::string server_;
    ScratchFolder folder_;
    std::string config_file_;
    Process process_;
    std::string address_;
};

/// That command under the limits and denials of the options (see sandbox.cpp); with none, the command itself.
std::vector<std::string> sandboxed(const std::vector<std::string>& options, std::vector<std::string> command);

/// The path of the vserd under test.
std::string vserd_program();
/// Whether its memory is its own: a sanitizer keeps what was freed.
bool memory_tells();

/// One [[port]] table.
std::string port_table(const std::string& name, const std::string& device, const std::string& more = {});

/// Asks until `condition` holds or patience ends; for what other processes do and do not tell.
template <class Condition>
bool eventually(Condition condition);

}  // namespace vserd::rpc_test

#include <thread>

template <class Condition>
bool vserd::rpc_test::eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}
