#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace vserd {

/// What the daemon runs with.
struct DaemonOptions {
    config::Config config;
    std::string config_file;  ///< for SIGHUP; empty: there is none to read again
    bool strict = false;
    bool demo = false;
    std::vector<std::string> listen;     ///< of the command line; empty: it has none
    std::optional<std::string> metrics;  ///< likewise

    void override_by_command_line(config::Config& target) const {
        if (!listen.empty()) {
            target.listen = listen;
            target.listen_is_default = false;
        }
        if (metrics) target.metrics = *metrics;
    }
};

/// The whole daemon: builds its parts bottom-up, runs the io thread's loop on the caller's thread until a signal ends it,
/// and takes the parts down in reverse. SIGTERM, SIGINT and SIGHUP must be blocked in all threads.
class Daemon {
public:
    explicit Daemon(DaemonOptions options);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Returns the exit status of the process. What failed at the start was logged.
    int run();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd
