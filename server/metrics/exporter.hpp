#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hub/hub.hpp"

namespace vserd::metrics {

struct RpcCount {
    std::string method;  ///< "vser.v1.ConsoleService/Attach"
    std::string code;    ///< "OK", "NOT_FOUND", ...
    std::uint64_t count = 0;
};

/// Connections and calls that were turned away, by the way in and the limit that they met.
struct RefusedCount {
    std::string via;     ///< "grpc", "metrics"
    std::string reason;  ///< "memory_max", "connections_max", ...
    std::uint64_t count = 0;
};

using Expiry = std::optional<std::chrono::system_clock::time_point>;

/// What is exported. The hub outlives the exporter.
struct Sources {
    hub::Hub& hub;
    std::string version;
    std::string engine;
    std::vector<std::pair<std::string, std::string>> engines_refused;     ///< name, reason
    std::function<std::vector<RpcCount>()> rpc_counts;                    ///< called on the scrape thread
    std::function<std::vector<RefusedCount>()> refused_counts = nullptr;  ///< called on the scrape thread
    std::function<Expiry()> certificate_expires = nullptr;       ///< called on the scrape thread; nothing: no TLS
    std::function<std::uint64_t()> log_lines_dropped = nullptr;  ///< called on the scrape thread
};

/// Serves /metrics in the Prometheus text format (metrics and names: api.md) on a thread of its own. Reads atomics at scrape
/// time; takes no lock that the byte path takes.
class Exporter {
public:
    /// `address` is "HOST:PORT", where the host is a name or an address; port 0 picks a free one. Failure::io when it cannot
    /// be bound, with what to do.
    static Result<std::unique_ptr<Exporter>> start(const std::string& address, Sources sources);
    ~Exporter();
    Exporter(const Exporter&) = delete;
    Exporter& operator=(const Exporter&) = delete;

    int port() const noexcept;  ///< the TCP port it listens on

private:
    class Impl;
    explicit Exporter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd::metrics
