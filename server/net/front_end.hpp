#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vserd::net {

/// Connections and calls that were rejected because of one limit.
struct Refused {
    std::string_view reason;  ///< "memory_max", "connections_max", ...; static
    std::uint64_t count = 0;
};

/// The clients of one port that use one protocol.
struct PortClients {
    std::string port;
    std::string_view protocol;  ///< "raw", "telnet", ...; static
    std::uint64_t connected = 0;
    std::uint64_t fell_behind = 0;  ///< disconnected because the log overtook them
};

/// A protocol that serves clients: gRPC, serial over TCP, metrics. The daemon has a list of them and uses only this interface. A
/// front end serves from its construction on. Io thread, unless a method says otherwise.
class FrontEnd {
public:
    FrontEnd() = default;
    virtual ~FrontEnd() = default;  ///< requires: stop() has called back
    FrontEnd(const FrontEnd&) = delete;
    FrontEnd& operator=(const FrontEnd&) = delete;

    /// The name in metrics and in the journal: "grpc", "metrics".
    virtual std::string_view name() const noexcept = 0;
    /// The addresses that clients connect to, with the real port in place of port 0.
    virtual const std::vector<std::string>& addresses() const noexcept = 0;
    /// Any thread.
    virtual std::vector<Refused> refused() const = 0;
    /// For a front end with separate listeners for each port. Any thread.
    virtual std::vector<PortClients> port_clients() const { return {}; }
    /// Announces to clients that the server is stopping, if the protocol can.
    virtual void announce_stop() {}
    /// Ends all calls, gives clients `grace` to receive the last status, and closes. Returns at once; calls `done` on the io
    /// thread when it is finished.
    virtual void stop(std::chrono::milliseconds grace, std::function<void()> done) = 0;
};

}  // namespace vserd::net
