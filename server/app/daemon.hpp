#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace vserd {

/// The daemon's configuration and command-line options.
struct DaemonOptions {
    config::Config config;
    std::string config_file;  ///< read again on SIGHUP; empty: no file
    bool strict = false;
    bool demo = false;
    std::vector<std::string> listen;     ///< from the command line; empty: not given
    std::optional<std::string> metrics;  ///< from the command line
    std::optional<std::string> web;      ///< from the command line; empty: none

    void override_by_command_line(config::Config& target) const {
        if (!listen.empty()) {
            target.listen = listen;
            target.listen_is_default = false;
        }
        if (metrics) target.metrics = *metrics;
        if (!web) return;
        if (web->empty()) return target.web.reset();
        if (!target.web) target.web.emplace();
        target.web->listen = {*web};
    }
};

/// The whole daemon: builds its parts bottom-up, runs the io thread's loop on the caller's thread until a signal stops it,
/// and destroys the parts in reverse order. SIGTERM, SIGINT, SIGHUP and SIGUSR1 must be blocked in all threads.
class Daemon {
public:
    explicit Daemon(DaemonOptions options);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Returns the exit status of the process. Errors at the start are logged.
    int run();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd
