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
#include "rpc/counters.hpp"
#include "rpc/server_info.hpp"

namespace vserd::hub {
class Calls;
class Hub;
}  // namespace vserd::hub
namespace vserd::net {
class Admission;
}

namespace vserd::rpc {

struct ServerOptions {
    std::vector<std::string> listen;  ///< "HOST:PORT" (port 0 picks a free one), "[::1]:PORT", "unix:/PATH"
    /// Sockets that already listen (socket activation). A socket with an address in `listen` is used for that address; the
    /// others are served in addition. The server owns them from start() on.
    std::vector<int> inherited;
    std::shared_ptr<const net::CertificateStore> certificates;  ///< null: no TLS; Unix sockets never use it
    std::uint64_t memory_max = std::uint64_t{256} << 20;        ///< memory for clients, in bytes
    /// Called on any thread when a connection was closed, with the reason.
    std::function<void(const std::string& message)> warn = nullptr;
    ServerInfo info;
    roster::Roster* roster = nullptr;  ///< null: no fleet
};

/// The gRPC server: PortService, ConsoleService, AdminService, FleetService, ..., health and reflection on the ports of one hub.
class Server final : public net::FrontEnd {
public:
    /// Listens. Calls are served when the hub's loop runs. The hub and its loop outlive the server. Errors name the address or
    /// file and say what to do. Call on the io thread, or before it runs.
    static Result<std::unique_ptr<Server>> start(hub::Hub& hub, ServerOptions options);
    ~Server() override;

    const RpcCounters& counters() const noexcept;  // any thread
    /// For a face that is stopped after this server and destroyed before it.
    hub::Calls& local_calls() noexcept;
    net::Admission& admission() noexcept;  ///< for their messages

    std::string_view name() const noexcept override { return "grpc"; }
    const std::vector<std::string>& addresses() const noexcept override;
    std::vector<net::Refused> refused() const override;
    void announce_stop() override;  ///< to health checkers
    /// Ends running calls with UNAVAILABLE.
    void stop(std::chrono::milliseconds grace, std::function<void()> done) override;

private:
    class Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

enum class GrpcSeverity : std::uint8_t { debug, info, error };
/// Redirects the log messages of the gRPC and protobuf libraries to `log`, which is called on any thread. Call it before any
/// other use of gRPC. Without it, both libraries write to standard error.
void route_grpc_log(void (*log)(GrpcSeverity severity, const char* message));

}  // namespace vserd::rpc
