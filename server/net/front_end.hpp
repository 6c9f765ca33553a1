#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vserd::net {

/// Connections and calls that were turned away, by the limit that they met.
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

/// A way in for clients: gRPC, serial over TCP, metrics. The daemon holds a list of them and knows nothing else about them. One that was made is
/// serving. Io thread, where nothing else is said.
class FrontEnd {
public:
    FrontEnd() = default;
    virtual ~FrontEnd() = default;  ///< requires: stop() has called back
    FrontEnd(const FrontEnd&) = delete;
    FrontEnd& operator=(const FrontEnd&) = delete;

    /// What metrics and the journal call it: "grpc", "metrics".
    virtual std::string_view name() const noexcept = 0;
    /// Where it serves, as a client would write it, with the ports that were picked.
    virtual const std::vector<std::string>& addresses() const noexcept = 0;
    /// Any thread.
    virtual std::vector<Refused> refused() const = 0;
    /// Of a front end that serves each port by listeners of its own. Any thread.
    virtual std::vector<PortClients> port_clients() const { return {}; }
    /// Lets clients know that the server is about to go, if the protocol can say so.
    virtual void announce_stop() {}
    /// Ends what still runs, gives clients `grace` to take their last status, and closes. Then calls `done` on the io thread, which
    /// goes on running meanwhile.
    virtual void stop(std::chrono::milliseconds grace, std::function<void()> done) = 0;
};

}  // namespace vserd::net
