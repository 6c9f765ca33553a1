#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vser_client/fleet.hpp"
#include "vser_client/types.hpp"
#include "vserctl/etcd_options.hpp"
#include "vserctl/port_choice.hpp"

namespace vserctl {

/// `attach` without a terminal waits this long for the port after the end of stdin.
inline constexpr std::chrono::milliseconds pipe_wait_default{1000};

// One struct for each command, with its options and arguments.
struct PortsCommand {
    PortChoice choice;
};
struct WatchCommand {
    std::vector<std::string> ports;
};
struct AttachCommand {
    std::string port;
    vser::client::StartPoint from;
    bool read_only = false;
    bool exclusive = false;
    bool quiet = false;
    int escape_key = 0x1d;  ///< -1: none
    /// Without a terminal: exit when the port was silent for this long after the end of stdin; unset: never.
    std::optional<std::chrono::milliseconds> wait;
    std::string client_name;        ///< shown to other clients; empty: vserctl@HOST
    bool suggest_terminal = false;  ///< without a terminal, print how to get one by SSH
};
struct TtyCommand {
    std::string port;
    std::string link;  ///< empty: none
    bool exclusive = false;
    bool keep = false;  ///< hold what arrives while no program has the terminal open
};
// By lrzsz.
enum class TransferProtocol : std::uint8_t { unspecified, xmodem, ymodem, zmodem };
struct TransferCommand {
    bool sends = false;
    std::string port;
    std::string file;
    TransferProtocol protocol = TransferProtocol::unspecified;
    std::chrono::milliseconds wait{60'000};  ///< give up when the peer was silent this long
};
struct ReadCommand {
    std::string port;
    vser::client::StartPoint from;
    bool follow = false;
    std::uint64_t bytes_max = 0;
    bool events = false;
    bool base64 = false;
};
enum class LogTimes : std::uint8_t { none, iso, delta };
enum class LogFormat : std::uint8_t { text, json, asciicast };
struct LogCommand {
    PortChoice choice;
    std::vector<std::string> ports;  ///< that were chosen
    vser::client::StartPoint from = vser::client::StartPoint::oldest();
    std::optional<vser::client::EndPoint> until;
    std::string pattern;  ///< empty: every line
    std::uint32_t before = 0;
    std::uint32_t after = 0;
    std::string times_text;  ///< as given
    LogTimes times = LogTimes::none;
    std::string format_text = "text";  ///< as given
    LogFormat format = LogFormat::text;
    bool follow = false;
};
struct WriteCommand {
    std::string port;
    std::string bytes;
    bool from_stdin = false;
};
struct BaudCommand {
    std::string port;
    std::optional<std::uint32_t> baud;
};
struct FormatCommand {
    std::string port;
    std::optional<vser::client::Format> format;
};
struct SignalsCommand {
    std::string port;
    vser::client::SignalChange change;
};
struct BreakCommand {
    std::string port;
    std::chrono::milliseconds duration{250};
};
struct FlushCommand {
    std::string port;
    vser::client::FlushDirection direction = vser::client::FlushDirection::both;
};
struct YieldCommand {
    std::string port;
    std::vector<std::string> words;  ///< the command to run, with "{device}" in it
    std::string reason;              ///< what readers see; empty: the program's name
};
struct WhoCommand {
    std::vector<std::string> ports;
};
struct EndCommand {
    std::string session;
    std::string reason;
};
struct NoticeCommand {
    std::string port;
    std::string text;
};
struct TokenCommand {
    std::string name;
    std::string expires;  ///< RFC 3339 in UTC; empty: never
};
struct LeaseCommand {
    std::string port;                                   ///< empty: any port with the labels
    std::optional<vser::client::LabelSelector> labels;  ///< instead of a port
    std::optional<std::chrono::milliseconds> ttl;
    std::chrono::milliseconds wait{0};
    bool takeover = false;
    std::string reason;  ///< what other clients see; empty: the name of the program
    bool renew = false;
    bool release = false;
    bool list = false;
    std::optional<std::uint64_t> id;
    std::vector<std::string> words;  ///< the command that runs meanwhile; empty: none
};
struct InfoCommand {};
struct ConfigCommand {   ///< of vserctl itself; needs no server
    std::string action;  ///< list or show
    std::string name;    ///< of the server to show; empty: the default
};
struct ArchiveCommand {  ///< of files on this machine; needs no server
    std::string action;  ///< stat, verify, repair or export
    std::string directory;
    // of export
    std::string output;  ///< a file; empty: stdout
    std::optional<std::chrono::system_clock::time_point> since = std::nullopt;
    std::optional<std::chrono::system_clock::time_point> until = std::nullopt;
};
struct DiscoverCommand {  ///< asks the network; needs no server
    std::chrono::milliseconds limit{10'000};
};
struct FleetCommand {
    std::string action = "bridges";  ///< bridges, resolve or sd
    std::string name;                ///< of the port to resolve
    std::string output;              ///< of sd: a file; empty: stdout
};
struct SshCommand {};  ///< replaced by what the client of sshd asked for: see ssh_session.hpp
struct HealthCommand {
    std::string port;  ///< empty: the server as a whole
};

using Command =
    std::variant<PortsCommand, WatchCommand, AttachCommand, ReadCommand, WriteCommand, BaudCommand, FormatCommand,
                 SignalsCommand, BreakCommand, FlushCommand, YieldCommand, InfoCommand, HealthCommand, SshCommand,
                 TtyCommand, TransferCommand, WhoCommand, EndCommand, NoticeCommand, TokenCommand, ConfigCommand,
                 LeaseCommand, LogCommand, ArchiveCommand, DiscoverCommand, FleetCommand>;

struct Options {
    std::string server;
    std::string asked_server;  ///< the name or the address that it came from
    bool json = false;
    std::optional<std::chrono::milliseconds> timeout;  ///< of one call
    bool tls = false;
    std::string tls_ca_file;
    std::string tls_certificate_file;
    std::string tls_key_file;
    std::string tls_name;     ///< the name that the server's certificate must have; empty: that of the address
    std::string token_file;   ///< empty: none
    std::string token;        ///< from the file or the environment; empty: none
    std::string config_file;  ///< given with --config; empty: the usual one
    std::vector<std::string>
        fleet;         ///< addresses of bridges of a fleet, or of its etcd; empty: `server` is asked instead
    EtcdOptions etcd;  ///< has members if `fleet` is an etcd
    std::vector<std::string> fleet_hosts;  ///< globs of hosts that owners of ports may have; empty: any
    Command command;

    // Set when a fleet has been asked.
    /// Finds the bridge that owns the command's port, again after it has moved; null: without a fleet.
    std::function<vser::client::Result<vser::client::Client>()> find_owner = nullptr;
    /// For `lease --labels`: the matching ports of all bridges, and a connection to the bridge of one; null: without a fleet.
    std::function<vser::client::Result<vser::client::FleetPorts>()> lease_ports = nullptr;
    std::function<vser::client::Result<vser::client::Client>(const vser::client::FleetPort&)> connect_to = nullptr;
};

/// Options, or the text to print and the exit code: help and version (0), or a usage error (2).
struct ParseOutcome {
    std::optional<Options> options;
    int exit_code = 0;
    std::string out;
    std::string err;
};

/// Whether "--json" is among the options, so that usage errors are JSON too.
bool asks_for_json(const std::vector<std::string>& arguments);

/// Parses the command line (without the program's name), VSERD_ADDRESS and VSERD_TOKEN, and reads vserctl's configuration.
/// With options, `err` may contain warnings.
ParseOutcome parse_command_line(std::vector<std::string> arguments);

}  // namespace vserctl
