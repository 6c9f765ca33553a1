#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace vserd::test {

/// `command` with the limits and denials of the options (see integration/sandbox.cpp); without options, `command` itself.
std::vector<std::string> sandboxed(const std::vector<std::string>& options, std::vector<std::string> command);

/// The path of the vserd under test.
std::string vserd_program();
/// Whether its memory use can be measured: a sanitizer keeps freed memory.
bool memory_tells();

/// One [[port]] table.
std::string port_table(const std::string& name, const std::string& device, const std::string& more = {});

/// The real vserd as a child process, with its own configuration file and socket. support/vserd_process.py is the same for
/// tests in Python.
class Daemon {
public:
    /// Where the daemon listens if `server` has no `listen`.
    enum class Listen { tcp, unix_socket };

    /// Starts it. `ports`: the [[port]] tables. `server`: more lines for [server]. `sandbox`: options for sandboxed().
    explicit Daemon(const std::string& ports, std::string server = {}, std::vector<std::string> sandbox = {},
                    Listen listen = Listen::tcp);
    /// If it is running, stops it with SIGTERM, and fails the test if it does not exit cleanly.
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    const std::string& address() const noexcept { return address_; }  ///< "127.0.0.1:PORT" or "unix:/PATH"
    const std::string& config_file() const noexcept { return config_file_; }
    const ScratchFolder& folder() const noexcept { return folder_; }
    Process& process() noexcept { return *process_; }
    /// Replaces the ports and sends SIGHUP.
    void reload(const std::string& ports);
    /// Ends it with SIGKILL.
    void kill();
    /// Starts it again with the same file. Returns when it serves.
    void start();

    std::size_t descriptors() const;  ///< of the running process
    std::size_t resident_bytes() const;

private:
    std::string text(const std::string& ports) const;

    const std::string server_;
    const std::vector<std::string> sandbox_;
    const Listen listen_;
    ScratchFolder folder_;
    std::string config_file_;
    std::optional<Process> process_;
    std::string address_;
};

}  // namespace vserd::test
