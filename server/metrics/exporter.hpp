#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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

/// What is exported. The hub outlives the exporter.
struct Sources {
    hub::Hub& hub;
    std::string version;
    std::string engine;
    std::vector<std::pair<std::string, std::string>> engines_refused;  ///< name, reason
    std::function<std::vector<RpcCount>()> rpc_counts;                 ///< called on the scrape thread
};

/// Serves /metrics in the Prometheus text format (metrics and names: api.md). Reads atomics at scrape time; takes no
/// lock that the byte path takes.
class Exporter {
public:
    /// `address` is "HOST:PORT"; port 0 picks a free one. Failure::io when it cannot be bound, with what to do.
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
