#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hub/hub.hpp"
#include "net/certificate_store.hpp"
#include "net/front_end.hpp"

namespace vserd::metrics {

struct RpcCount {
    std::string method;  ///< "vser.v1.ConsoleService/Attach"
    std::string code;    ///< "OK", "NOT_FOUND", ...
    std::uint64_t count = 0;
};

/// Answers of the web face.
struct WebCount {
    std::string method;  ///< "vser.v1.PortService/GetPort", "page", ...
    unsigned status = 0;
    std::uint64_t count = 0;
};

struct AuditCounts {
    std::uint64_t errors = 0;  ///< failed attempts to write
    std::uint64_t lost = 0;    ///< records
};

/// What the fleet has done.
struct FleetCounts {
    bool up = false;                                           ///< registered, and the copy of the fleet is up to date
    std::vector<std::pair<std::string, std::uint64_t>> ports;  ///< by state
    std::vector<std::pair<std::string, std::uint64_t>> entries;  ///< in the copy, by kind
    std::vector<std::pair<std::string, std::uint64_t>> errors;   ///< by operation
    bool id_taken = false;                                       ///< by another bridge that lives
    std::uint64_t lease_losses = 0;
    std::uint64_t entries_ignored = 0;
    std::uint64_t relists = 0;
};

/// The sources of the metrics. The hub outlives the exporter.
struct Sources {
    hub::Hub& hub;
    std::string version;
    std::string engine;
    std::vector<std::pair<std::string, std::string>> engines_refused;  ///< name, reason
    std::function<std::vector<RpcCount>()> rpc_counts;                 ///< called on the scrape thread
    /// The other front ends, which outlive the exporter; called on the scrape thread.
    std::function<std::vector<const net::FrontEnd*>()> front_ends = [] { return std::vector<const net::FrontEnd*>(); };
    std::shared_ptr<const net::CertificateStore> certificates = nullptr;  ///< null: no TLS
    std::function<std::uint64_t()> journal_lines_dropped = nullptr;       ///< called on the scrape thread
    std::function<std::vector<WebCount>()> web_counts = nullptr;          ///< called on the scrape thread
    std::function<AuditCounts()> audit = nullptr;                         ///< called on the scrape thread
    /// Called on the scrape thread; nothing: no fleet.
    std::function<std::optional<FleetCounts>()> fleet = nullptr;
};

/// Serves /metrics in the Prometheus text format on its own thread. Reads atomics at scrape time; takes no lock that the byte
/// path takes.
class Exporter final : public net::FrontEnd {
public:
    /// `address` is "HOST:PORT"; the host is a name or an address, and port 0 picks a free port. With `tls`, the metrics are
    /// served with the certificate of the sources. Failure::io if it cannot be bound; the message says what to do.
    static Result<std::unique_ptr<Exporter>> start(const std::string& address, Sources sources, bool tls = false);
    /// Serves nothing by itself: another front end shows render() at `url`.
    static std::unique_ptr<Exporter> start_shared(std::string url, Sources sources);
    ~Exporter() override;  ///< closes open connections

    std::string_view name() const noexcept override { return "metrics"; }
    const std::vector<std::string>& addresses()
        const noexcept override;  ///< "http://HOST:PORT/metrics" or https, as configured
    std::vector<net::Refused> refused() const override;
    void stop(std::chrono::milliseconds grace, std::function<void()> done) override;

    int port() const noexcept;   ///< the TCP port it listens on
    std::string render() const;  ///< all metrics as text; any thread

private:
    class Impl;
    explicit Exporter(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd::metrics
