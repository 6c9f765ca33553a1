#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/certificate_store.hpp"
#include "net/front_end.hpp"
#include "roster/roster.hpp"
#include "web/counters.hpp"

namespace vserd::hub {
class Calls;
class Hub;
}  // namespace vserd::hub

namespace vserd::net {
class Admission;
}

namespace vserd::web {

struct ServerOptions {
    std::vector<std::string> listen;                                      ///< "HOST:PORT", "unix:/PATH"
    std::shared_ptr<const net::CertificateStore> certificates = nullptr;  ///< null: no TLS
    std::vector<std::string> hosts = {};                                  ///< further names, see Guard
    std::uint32_t connections_max = 2048;
    std::function<std::string()> metrics = nullptr;  ///< what /metrics answers; null: nothing
    roster::Roster* roster = nullptr;                ///< null: no fleet
    std::string package = "vser.v1";                 ///< whose rpcs `calls` knows
};

/// HTTP/1.1: the page, unary calls by the Connect protocol, and WebSockets. Runs on a thread of its own; the calls run on the io
/// thread as those of gRPC do.
class Server final : public net::FrontEnd {
public:
    /// Listens. The error names the address and says what to do. `hub`, `calls` and `admission` outlive the server.
    static Result<std::unique_ptr<Server>> start(hub::Hub& hub, hub::Calls& calls, net::Admission& admission,
                                                 ServerOptions options);
    ~Server() override;

    const RequestCounters& counters() const noexcept;  // any thread
    /// What a reload changes. Connections that are open stay.
    void apply(std::vector<std::string> hosts, std::uint32_t connections_max);

    std::string_view name() const noexcept override { return "web"; }
    /// "http://127.0.0.1:8080/"
    const std::vector<std::string>& addresses() const noexcept override;
    std::vector<net::Refused> refused() const override;
    void stop(std::chrono::milliseconds grace, std::function<void()> done) override;

private:
    class Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd::web
