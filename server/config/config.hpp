#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/settings.hpp"
#include "base/labels.hpp"
#include "base/result.hpp"
#include "line/settings.hpp"

namespace vserd::config {

/// One [[port.listen]] table: where clients without gRPC connect to the port.
struct ListenEntry {
    std::string address;              ///< "HOST:PORT", "[::1]:PORT" or "unix:/PATH"
    std::string protocol;             ///< raw, telnet or rfc2217
    std::string mode = "read-write";  ///< or "read-only", "exclusive"
    std::uint64_t replay_bytes = 0;   ///< of the log, for each client that connects
    std::uint32_t clients_max = 16;
    bool tls = false;                                 ///< with the certificate of [server.tls]
    std::optional<access::Role> role = std::nullopt;  ///< what everybody who connects may do; only with [access]

    friend bool operator==(const ListenEntry&, const ListenEntry&) = default;
};

/// One [[port]] table.
struct PortEntry {
    std::string name;  ///< 1 to 64 of [A-Za-z0-9._-], unique
    std::string description;
    base::Labels labels;
    std::string device;
    line::ValidSettings settings;
    std::size_t tx_queue_bytes = std::size_t{256} << 10;
    bool hangup_on_close = false;  ///< DTR and RTS drop when vserd closes the device
    bool reopen_pts = false;       ///< open a new terminal that reuses the number of a closed one
    bool record_tx = false;        ///< archive what is sent to the device too
    std::vector<ListenEntry> listen;

    friend bool operator==(const PortEntry&, const PortEntry&) = default;
};

/// [archive]: the history on disk. 0 in a limit: unlimited.
struct ArchiveEntry {
    std::string directory;
    std::uint32_t keep_days = 30;
    std::uint64_t keep_bytes = 0;  ///< of one port, on the disk
    double keep_free_percent = 15;
    std::uint64_t keep_free_bytes = 0;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20;
    std::chrono::milliseconds sync{1000};  ///< the most that a power loss may cost

    friend bool operator==(const ArchiveEntry&, const ArchiveEntry&) = default;
};

/// [web]: the page, JSON and WebSockets over HTTP.
struct WebEntry {
    std::vector<std::string> listen;       ///< "HOST:PORT", "[::1]:PORT", or "unix:/PATH" for a proxy
    bool tls = false;                      ///< with the certificate of [server.tls]; not on Unix sockets
    std::vector<std::string> hosts;        ///< names by which browsers may reach it, besides those of `listen`
    std::uint32_t connections_max = 2048;  ///< open at once, WebSockets included

    friend bool operator==(const WebEntry&, const WebEntry&) = default;
};

/// A member of the etcd cluster.
struct EtcdEndpoint {
    std::string url;  ///< as configured
    std::string host;
    std::uint16_t port = 0;
    bool tls = false;
    bool local = false;  ///< on this machine

    friend bool operator==(const EtcdEndpoint&, const EtcdEndpoint&) = default;
};

/// [fleet]: registers this vserd and its ports in etcd.
struct FleetEntry {
    std::vector<EtcdEndpoint> etcd;
    std::string prefix = "/vserd/v1";
    std::string bridge;             ///< empty: the host name
    std::string advertise;          ///< see advertised_address()
    std::string advertise_metrics;  ///< see advertised_metrics()
    std::string advertise_web;      ///< see advertised_web()
    std::chrono::seconds ttl{15};
    std::string user;  ///< empty: etcd asks for no password
    std::string password_file;
    std::string ca_file;           ///< empty: the system's authorities
    std::string certificate_file;  ///< empty: none is shown
    std::string key_file;
    std::string tls_name;  ///< in etcd's certificates; empty: the host in `etcd`

    friend bool operator==(const FleetEntry&, const FleetEntry&) = default;
};

/// The whole file as a validated value, with defaults for missing keys.
struct Config {
    std::vector<std::string> listen;         ///< "HOST:PORT", "[::1]:PORT" or "unix:/PATH"
    bool listen_is_default = false;          ///< the file has no `listen`: serve the Unix socket too
    std::string metrics = "127.0.0.1:9464";  ///< empty: no metrics
    bool metrics_tls = false;                ///< with the certificate of [server.tls]
    std::string engine = "auto";
    bool allow_insecure_remote = false;  ///< listening on other addresses than loopback without TLS is allowed
    std::string tls_certificate_file;
    std::string tls_key_file;
    std::string tls_client_ca_file;                       ///< if set, clients need a certificate
    std::string tls_crl_file;                             ///< revoked certificates of clients
    std::string tls_client_certificates = "required";     ///< or "optional": a client may show a token instead
    std::uint32_t streams_max = 4096;                     ///< concurrent byte streams
    std::uint64_t memory_max = std::uint64_t{256} << 20;  ///< memory for clients, in bytes
    std::chrono::milliseconds drain_limit{5000};
    std::string state_dir;  ///< directory that keeps the logs across restarts; empty: only systemd keeps them
    std::chrono::milliseconds removed_ports_keep{
        600'000};                              ///< how long to keep the log of a port that a reload removed
    std::string on_foreign_change = "report";  ///< or "restore": what to do when another program changes settings
    std::string log_level = "info";            ///< trace, debug, info, warn, error
    std::size_t history_bytes_per_port = std::size_t{1} << 20;
    std::optional<ArchiveEntry> archive;  ///< unset: history is in memory only
    std::optional<WebEntry> web;          ///< unset: no HTTP
    std::optional<FleetEntry> fleet;      ///< unset: this vserd is in no fleet
    std::vector<PortEntry> ports;
    std::optional<access::Settings> access;  ///< unset: everybody may do everything
    std::vector<std::string> warnings;       ///< tables without effect, for `vserd check`

    friend bool operator==(const Config&, const Config&) = default;
};

/// Whether [access] grants anything.
bool has_rules(const Config& config);
/// Whether [web] serves the metrics too, because `metrics` is one of its addresses.
bool has_metrics_on_web(const Config& config);

/// A problem in a configuration. to_string() returns "FILE:LINE:COLUMN: message".
struct Problem {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string message;
};
std::string to_string(const Problem& problem);

/// All problems, in the order of the file.
using ParseResult = boost::system::result<Config, std::vector<Problem>>;

/// Parses and validates TOML text. Has no side effects. `file` is used in messages only.
ParseResult parse(std::string_view text, std::string_view file);
/// Reads and parses a file. A file that cannot be read (missing, a directory, too large) is a Problem too.
ParseResult load(const std::string& path);

/// The configuration of `vserd --demo`: the simulated ports "echo", "console" and two more. "console" is served over telnet on
/// 127.0.0.1:7002, "echo" over RFC 2217 on 127.0.0.1:7001 and raw on 127.0.0.1:7003,
/// and the page on 127.0.0.1:8080.
Config demo();

[[noreturn]] inline void throw_exception_from_error(const std::vector<Problem>&, const boost::source_location&) {
    throw std::logic_error("unchecked configuration problems");
}

}  // namespace vserd::config
