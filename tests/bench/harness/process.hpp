#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace vserd::bench {

using Clock = std::chrono::steady_clock;

/// A child process. Destroying it ends it.
class Process {
public:
    /// Output goes to `log_file`. Throws when it cannot be started.
    Process(const std::vector<std::string>& command, std::string log_file);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    double cpu_seconds()
        const;  ///< user and system, all threads, to the nanosecond; with the processes that it started and that run
    std::uint64_t resident_bytes() const;  ///< of it alone
    std::uint64_t proportional_bytes()
        const;  ///< with the processes that it started; a page that several have counts once for all
    bool has_children() const;
    bool running() const;
    std::string log_tail() const;

private:
    pid_t pid_ = -1;
    std::string log_file_;
};

/// Whether `count` consecutive ports of 127.0.0.1 or 0.0.0.0 listen. Connects nowhere: ser2net would count that as a client.
bool are_listening(int first_port, int count);
/// Whether execvp() would find it.
bool is_installed(const std::string& program);
/// The first of `count` consecutive TCP ports that nobody uses.
int free_ports(int count);

}  // namespace vserd::bench
