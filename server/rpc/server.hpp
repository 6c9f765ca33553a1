#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hub/hub.hpp"
#include "net/tls.hpp"
#include "rpc/counters.hpp"
#include "rpc/server_info.hpp"

namespace vserd::rpc {

struct ServerOptions {
    std::vector<std::string> listen;  ///< "HOST:PORT" (port 0 picks a free one), "[::1]:PORT", "unix:/PATH"
    /// Sockets that listen already (socket activation). One that has an address of `listen` is used for it; the others are
    /// served besides. Owned by the server from start() on.
    std::vector<int> inherited;
    net::TlsFiles tls;                                    ///< not for Unix sockets
    std::uint32_t streams_max = 4096;                     ///< byte streams at once, over all clients
    std::uint64_t memory_max = std::uint64_t{256} << 20;  ///< bytes that may be held for clients
    /// Told, on any thread, that a connection was closed, and why.
    std::function<void(const std::string& message)> warn = nullptr;
    ServerInfo info;
};

/// The gRPC server: PortService, ConsoleService, AdminService, health and reflection on the ports of one hub.
class Server {
public:
    /// Listens; calls are served as soon as the hub's loop runs. The hub and its loop outlive the server. Failures name the
    /// address or file and what to do. Io thread, or before it runs.
    static Result<std::unique_ptr<Server>> start(hub::Hub& hub, ServerOptions options);
    ~Server();  ///< requires: stop() has called back
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Where it listens, with the ports that were picked.
    const std::vector<std::string>& addresses() const noexcept;
    const RpcCounters& counters() const noexcept;
    struct Refused {
        std::string_view reason;
        std::uint64_t count = 0;
    };
    /// Connections and calls that were turned away, by the limit that they met. Any thread.
    std::vector<Refused> refused() const;

    /// TLS handshakes from now on use these; without TLS it does nothing. Whether clients have to show a certificate stays as it
    /// was at the start. Any thread.
    void replace_certificates(net::TlsPems pems);
    /// When the certificate in force expires; nothing without TLS. Any thread.
    std::optional<std::chrono::system_clock::time_point> certificate_expires() const;

    /// Tells health checkers that this server is about to go. Io thread.
    void announce_stop();
    /// Ends what still runs with UNAVAILABLE, gives clients `grace` to take it, and closes; then calls `done` on the io
    /// thread, which goes on running meanwhile. Io thread.
    void stop(std::chrono::milliseconds grace, std::function<void()> done);

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
