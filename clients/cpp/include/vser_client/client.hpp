#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vser_client/console.hpp"
#include "vser_client/pending_call.hpp"
#include "vser_client/result.hpp"
#include "vser_client/stream.hpp"
#include "vser_client/types.hpp"

namespace vser::client {

struct ConnectOptions {
    std::chrono::milliseconds connect_timeout{5000};
    std::chrono::milliseconds call_timeout{10000};  ///< limit of each call that is not a stream
    bool tls = false;                               ///< encrypt, and verify the server's certificate
    std::string tls_ca_file;                        ///< PEM; the CA of the server; empty: the system's CAs
    std::string tls_certificate_file;               ///< PEM; this client's certificate, if the server requires one
    std::string tls_key_file;                       ///< PEM; the key of tls_certificate_file
    std::string tls_name;                           ///< the name in the server's certificate; empty: the address's host
    std::string token;  ///< bearer token that each call shows; requires `tls` or a Unix socket; empty: none
};

struct ReadOptions {
    StartPoint from = StartPoint::oldest();
    bool follow = false;          ///< continue with new bytes instead of ending at the head
    std::uint64_t bytes_max = 0;  ///< end after this many bytes; 0: no limit
    std::optional<EndPoint> until{};
    /// Only lines that match this regular expression of RE2, each as one Data, and lines around them; empty: everything. Bytes
    /// between two Data did not match.
    std::string match{};
    std::uint32_t lines_before = 0;
    std::uint32_t lines_after = 0;
    bool exact_times = false;  ///< end each Data where the receive time changes
    /// With `match`: called by Stream::next() about once a second while nothing matches. All lines before `offset` were searched;
    /// the last byte before it was received at that time.
    std::function<void(std::uint64_t offset, Time received)> on_progress{};
};

struct AcquireOptions {
    std::chrono::milliseconds ttl{60'000};  ///< 1 s to 24 h; renew it in time, for example every ttl/3
    std::chrono::milliseconds wait{0};      ///< for other clients; 0 to 24 h
    bool takeover = false;                  ///< end the present lease at once; needs the role admin
    std::string reason{};                   ///< shown to other clients; 200 bytes at most
    std::string client{};                   ///< a name to show to other clients; 64 bytes at most
};

/// A connection to one vserd. Copies share the connection. Every method may be called from any thread. Calls wait for
/// their reply, at most ConnectOptions::call_timeout. gRPC reconnects automatically when the server is back.
class Client {
public:
    /// `address` is "HOST[:PORT]", "[::1][:PORT]" or "unix:/PATH"; the default port is 50051. Proxy variables of the
    /// environment (http_proxy and similar) are ignored. Waits until the server answers; if it does not, the error
    /// is_transport(). If the server does not accept the token or the certificate, the error is UNAUTHENTICATED.
    static Result<Client> connect(const std::string& address, const ConnectOptions& options = {});

    /// As it was given to connect().
    const std::string& address() const noexcept;

    Result<std::vector<Port>> list_ports() const;
    Result<Port> get_port(const std::string& port) const;
    Result<Port> get_port(const std::string& port, std::chrono::milliseconds timeout) const;
    Result<ServerInfo> server_info() const;
    /// Queries the health service: for the server if `port` is empty, otherwise whether the port's device is open.
    Result<bool> serving(const std::string& port) const;

    Result<std::uint32_t> baud(const std::string& port) const;
    /// Returns the rate in force, which may differ from the requested one.
    Result<std::uint32_t> set_baud(const std::string& port, std::uint32_t baud) const;
    Result<Format> format(const std::string& port) const;
    /// Returns the format in force.
    Result<Format> set_format(const std::string& port, const Format& format) const;
    Result<Signals> signals(const std::string& port) const;
    /// Sets the given outputs in one step; returns all modem lines.
    Result<Signals> set_signals(const std::string& port, const SignalChange& change) const;
    /// Returns when the break has ended.
    Result<> send_break(const std::string& port,
                        std::chrono::milliseconds duration = std::chrono::milliseconds{250}) const;
    /// Returns the number of accepted bytes that were discarded before they reached the device.
    Result<std::uint64_t> flush(const std::string& port, FlushDirection direction) const;

    /// The clients that are connected to these ports; without names, to all ports.
    Result<std::vector<Session>> sessions(const std::vector<std::string>& ports = {}) const;
    /// Ends a session. `reason`, and `client` as the name of who ended it, are shown to its client.
    Result<> end_session(const std::string& id, const std::string& reason = {}, const std::string& client = {}) const;
    /// Shows a line of text to everybody attached to the port. Returns the number of its readers.
    Result<std::uint32_t> send_notice(const std::string& port, const std::string& text,
                                      const std::string& client = {}) const;

    /// get_port(), flush() and sessions() without waiting for the reply.
    PendingCall<Port> begin_get_port(const std::string& port, std::chrono::milliseconds timeout) const;
    PendingCall<std::uint64_t> begin_flush(const std::string& port, FlushDirection direction,
                                           std::chrono::milliseconds timeout) const;
    PendingCall<std::vector<Session>> begin_sessions(const std::string& port, std::chrono::milliseconds timeout) const;

    /// Sends all of `bytes` and returns when the server's queue has accepted them. `timeout` limits the whole call. The
    /// metadata of an error say how many bytes the server had accepted: "bytes_taken", or "bytes_taken_at_least" if the
    /// server did not answer in time.
    Result<WriteReceipt> write(const std::string& port, std::string_view bytes) const;
    Result<WriteReceipt> write(const std::string& port, std::string_view bytes,
                               std::chrono::milliseconds timeout) const;

    /// The log of a port. Errors, such as an unknown port, are reported at the end of the stream.
    Stream<ReadItem> read(const std::string& port, const ReadOptions& options = {}) const;
    /// First the state of each port, then every change. Without names: all ports.
    Stream<PortEvent> watch(const std::vector<std::string>& ports = {}) const;
    /// Asks for the device of a port, so that another program on the server's machine can use it. The item comes when vserd has
    /// closed the device. vserd opens it again when the stream ends: by cancel(), by the destructor, or with this process.
    /// `reason` and `client` are shown to other clients.
    Stream<YieldedDevice> yield(const std::string& port, const std::string& reason,
                                const std::string& client = {}) const;
    /// Acquires the lease of a port: nobody else can write to it or change its line. Waits up to AcquireOptions::wait for it.
    Result<Lease> acquire(const std::string& port, const AcquireOptions& options = {}) const;
    /// The same without waiting for the reply. After cancel() the lease may have been granted all the same: see leases().
    PendingCall<Lease> begin_acquire(const std::string& port, const AcquireOptions& options) const;
    /// Without a ttl, the lease keeps its own.
    Result<Lease> renew(const std::string& port, std::uint64_t lease,
                        std::optional<std::chrono::milliseconds> ttl = std::nullopt) const;
    Result<> release(const std::string& port, std::uint64_t lease) const;
    /// Without names: all ports.
    Result<LeaseList> leases(const std::vector<std::string>& ports = {}) const;
    /// A copy whose calls and consoles on that port present this lease; 0: none.
    Client with_lease(const std::string& port, std::uint64_t lease) const;

    /// Bytes in both directions. Waits until the server has opened the console.
    Result<Console> attach(const std::string& port, ConsoleOptions options = {}) const;

private:
    friend class BridgeDirectory;
    friend class Console;
    struct Impl;
    explicit Client(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

    std::uint64_t lease_of(const std::string& port) const;
    const std::shared_ptr<const Impl>& impl() const noexcept { return impl_; }

    std::shared_ptr<const Impl> impl_;  // shared with the copies
    std::map<std::string, std::uint64_t> leases_;
};

}  // namespace vser::client
