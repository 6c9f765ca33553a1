#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/pki_command.hpp"

namespace vserd {

enum class Command : std::uint8_t { run, check, import, pki_init, pki_server, pki_client };

/// The command line of vserd.
struct Options {
    Command command = Command::run;
    std::string config_file;  ///< for run or check; empty with --demo. For import: the other server's file
    bool demo = false;
    bool strict = false;
    std::vector<std::string> listen;     ///< replaces the configured addresses; empty: use those
    std::optional<std::string> metrics;  ///< replaces the configured address
    std::optional<std::string> web;      ///< empty: none
    PkiOptions pki;
};

/// Parses the command line. For --help, --version and errors it prints, sets `exit_code` (0, or 2 for an error) and returns
/// nothing.
std::optional<Options> parse_options(int argc, char** argv, int& exit_code);

}  // namespace vserd
