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
#include "rpc/counters.hpp"
#include "rpc/server_info.hpp"

namespace vserd::hub {
class Hub;
}

namespace vserd::rpc {

struct ServerOptions {
    std::vector<std::string> listen;  ///< "HOST:PORT" (port 0 picks a free one), "[::1]:PORT", "unix:/PATH"
    /// Sockets that listen already (socket activation). One that has an address of `listen` is used for it; the others are
    /// served besides. Owned by the server from start() on.
    std::vector<int> inherited;
    std::shared_ptr<const net::CertificateStore> certificates;  ///< null: no TLS; Unix sockets never use it
    std::uint64_t memory_max = std::uint64_t{256} << 20;        ///< bytes that may be held for clients
    /// Told, on any thread, that a connection was closed, and why.
    std::function<void(const std::string& message)> warn = nullptr;
    ServerInfo info;
};

/// The gRPC server: PortService, ConsoleService, AdminService, health and reflection on the ports of one hub.
class Server final : public net::FrontEnd {
public:
    /// Listens; calls are served as soon as the hub's loop runs. The hub and its loop outlive the server. Failures name the
    /// address or file and what to do. Io thread, or before it runs.
    static Result<std::unique_ptr<Server>> start(hub::Hub& hub, ServerOptions options);
    ~Server() override;

    const RpcCounters& counters() const noexcept;  // any thread

    std::string_view name() const noexcept override { return "grpc"; }
    const std::vector<std::string>& addresses() const noexcept override;
    std::vector<net::Refused> refused() const override;
    void announce_stop() override;  ///< to health checkers
    /// What still runs ends with UNAVAILABLE.
    void stop(std::chrono::milliseconds grace, std::function<void()> done) override;

private:
    class Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

enum class GrpcSeverity : std::uint8_t { debug, info, error };
/// Sends what the gRPC and protobuf libraries log to `log`, which may be called on any thread. Call it before anything else of
/// gRPC. Without it both write to standard error.
void route_grpc_log(void (*log)(GrpcSeverity severity, const char* message));

}  // namespace vserd::rpc
