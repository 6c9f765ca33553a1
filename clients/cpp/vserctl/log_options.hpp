#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>

#include "vserctl/options.hpp"

namespace vserctl {

inline constexpr const char* log_summary = "Search and print the logs of ports, line by line";
inline constexpr const char* log_examples =
    "  vserctl log vser0 --since 10m --timestamps\n"
    "  vserctl log rack3-1 rack3-2 --since 2026-11-24T02:00:00Z --until 2026-11-24T02:05:00Z\n"
    "  vserctl log vser0 --grep 'panic|Oops' --before 20 --after 5\n"
    "  vserctl log vser0 vser1 --follow --grep 'login:' --format json\n"
    "  vserctl log -l rack=3 --follow\n"
    "  vserctl log vser0 --format asciicast > boot.cast     play it with asciinema\n"
    "The lines of several ports are merged by their receive times. The server searches; REGEX is an expression of RE2 "
    "and "
    "matches within a line.";

/// Parses into `command`, which outlives `app`.
void add_log_options(CLI::App& app, LogCommand& command);
/// Why so many ports cannot be read, if so.
std::optional<std::string> too_many(std::size_t ports, LogFormat format);
/// Throws CLI11's error if the options contradict each other. `json`: the option --json, which is the same as --format json.
LogCommand checked_log(const LogCommand& command, bool json);

}  // namespace vserctl
