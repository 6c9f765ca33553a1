#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vserctl/options.hpp"

namespace vserctl {

/// The arguments of all commands as CLI11 stores them, before they are parsed.
struct RawArguments {
    std::vector<std::string> ports;
    std::string port;
    std::optional<std::string> health_port;
    std::optional<std::string> from;
    std::optional<std::string> since;
    std::optional<std::string> max_bytes;
    std::string escape = "^]";
    std::string wait = "1s";
    std::string text;
    std::optional<std::string> format;
    std::string duration = "250ms";
    std::string reason;
    std::string action;
    std::string token_name;
    std::optional<std::string> expires;
    std::string session;
    std::string direction = "both";
    std::optional<std::string> timeout;
    ConfigCommand config;
    DiscoverCommand discover;
    FleetCommand fleet;
    ArchiveCommand archive;
    TtyCommand tty;
    TransferCommand send;
    PortChoice choice;
    LogCommand log;
    LeaseCommand lease;
    TransferCommand receive;
    std::uint32_t baud = 0;
    std::vector<std::string> modem_lines;
    std::vector<std::string> words;
    std::size_t after_dashes = 0;  ///< words after "--"
    bool json = false;
    bool follow = false;
    bool events = false;
    bool base64 = false;
    bool read_only = false;
    bool exclusive = false;
    bool quiet = false;
    bool from_stdin = false;
    bool escapes = false;
};

/// The commands of the program, each with the function that makes its struct from the arguments. That function throws CLI11's
/// error if they are wrong.
class CommandSet {
public:
    using Maker = Command (*)(const RawArguments&);

    /// `app` outlives the set.
    explicit CommandSet(CLI::App& app) : app_(app) {}

    CLI::App* add(const char* name, const char* description, const char* examples, Maker maker);
    /// The argument PORT of a command.
    void add_port(CLI::App* command);

    /// Where the options of the commands are stored.
    RawArguments& arguments() noexcept { return arguments_; }
    /// The command that was parsed, if any.
    std::optional<Command> parsed() const;

private:
    CLI::App& app_;
    RawArguments arguments_;
    std::vector<std::pair<CLI::App*, Maker>> makers_;
};

}  // namespace vserctl
