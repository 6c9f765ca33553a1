#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/certificate_store.hpp"
#include "net/front_end.hpp"
#include "net/listen_socket.hpp"
#include "tcp/listen_options.hpp"

namespace vserd::hub {
class Hub;
}

namespace vserd::tcp {

/// The listeners of all ports: raw TCP, telnet and RFC 2217. Io thread only, except where FrontEnd says otherwise.
class Server final : public net::FrontEnd {
public:
    /// The sockets for each address, or the error. Several listeners may use the same address with port 0.
    using OpenedSockets = std::multimap<std::string, Result<std::vector<net::ListenSocket>>>;

    /// Listens. The error names the address and says what to do. `hub` outlives the server. `certificates` null: no TLS.
    static Result<std::unique_ptr<Server>> start(hub::Hub& hub, const std::vector<ListenOptions>& listeners,
                                                 std::shared_ptr<const net::CertificateStore> certificates);
    ~Server() override;

    /// Frees the addresses of removed listeners. Returns the work that opens the sockets of new ones, for a thread that may block
    /// on name look-ups; null: there is none. Pass its result to apply(), after the hub's apply().
    using OpenWork = std::function<OpenedSockets()>;
    OpenWork prepare(const std::vector<ListenOptions>& listeners);
    /// Returns the problems, one message for each listener that has one.
    std::vector<std::string> apply(const std::vector<ListenOptions>& listeners, OpenedSockets&& opened);

    std::string_view name() const noexcept override { return "tcp"; }
    /// "PORT PROTOCOL ADDRESS"
    const std::vector<std::string>& addresses() const noexcept override;
    std::vector<net::Refused> refused() const override;
    std::vector<net::PortClients> port_clients() const override;
    void stop(std::chrono::milliseconds grace, std::function<void()> done) override;

private:
    class Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vserd::tcp
