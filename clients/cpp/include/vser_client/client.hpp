#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
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
    std::chrono::milliseconds call_timeout{10000};  ///< of each call that is not a stream
    bool tls = false;                               ///< encrypt; the server must have a certificate
    std::string tls_ca_file;                        ///< PEM; who may have signed it; empty: the system's roots
    std::string tls_certificate_file;               ///< PEM; this client's own, where the server asks for one
    std::string tls_key_file;                       ///< PEM; the key of tls_certificate_file
};

struct ReadOptions {
    StartPoint from = StartPoint::oldest();
    bool follow = false;          ///< go on with what arrives instead of ending at the head
    std::uint64_t bytes_max = 0;  ///< end after this many; 0: no limit
};

/// A connection to one vserd. Copies share the connection; every method may be called from any thread. Calls wait for
/// their reply, at most ConnectOptions::call_timeout. gRPC connects again by itself after the server was away.
class Client {
public:
    /// `address` is "HOST[:PORT]", "[::1][:PORT]" or "unix:/PATH"; the port is 50051 where none is given. A proxy of the
    /// environment (http_proxy and the like) is not used. Waits until the server answers; an error here
    /// is_transport().
    static Result<Client> connect(const std::string& address, const ConnectOptions& options = {});

    Result<std::vector<Port>> list_ports() const;
    Result<Port> get_port(const std::string& port) const;
    Result<Port> get_port(const std::string& port, std::chrono::milliseconds timeout) const;
    Result<ServerInfo> server_info() const;
    /// What the health service says: of the server where `port` is empty, else whether that port's device is open.
    Result<bool> serving(const std::string& port) const;

    Result<std::uint32_t> baud(const std::string& port) const;
    /// Returns the rate in force, which may differ from the one asked for.
    Result<std::uint32_t> set_baud(const std::string& port, std::uint32_t baud) const;
    Result<Format> format(const std::string& port) const;
    /// Returns the frame in force.
    Result<Format> set_format(const std::string& port, const Format& format) const;
    Result<Signals> signals(const std::string& port) const;
    /// Sets the wires given, in one step; returns all of them.
    Result<Signals> set_signals(const std::string& port, const SignalChange& change) const;
    /// Returns when the break is over.
    Result<> send_break(const std::string& port,
                        std::chrono::milliseconds duration = std::chrono::milliseconds{250}) const;
    /// Returns the bytes accepted from clients that were thrown away before they reached the device.
    Result<std::uint64_t> flush(const std::string& port, FlushDirection direction) const;

    /// get_port() and flush() without waiting for the reply.
    PendingCall<Port> begin_get_port(const std::string& port, std::chrono::milliseconds timeout) const;
    PendingCall<std::uint64_t> begin_flush(const std::string& port, FlushDirection direction,
                                           std::chrono::milliseconds timeout) const;

    /// Sends all of `bytes` and returns when the server's queue has taken them. `timeout` is for all of it. After an
    /// error its metadata "bytes_taken" says how many were taken before; or, where no answer of the server came in time,
    /// "bytes_taken_at_least".
    Result<WriteReceipt> write(const std::string& port, std::string_view bytes) const;
    Result<WriteReceipt> write(const std::string& port, std::string_view bytes,
                               std::chrono::milliseconds timeout) const;

    /// The log of a port. Errors, an unknown port included, show when the stream ends.
    Stream<ReadItem> read(const std::string& port, const ReadOptions& options = {}) const;
    /// First the state of each port (no names: of all), then every change.
    Stream<PortEvent> watch(const std::vector<std::string>& ports = {}) const;
    /// Bytes both ways. Waits until the server has opened it.
    Result<Console> attach(const std::string& port, ConsoleOptions options = {}) const;

private:
    struct Impl;
    explicit Client(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

    std::shared_ptr<const Impl> impl_;  // shared with the copies
};

}  // namespace vser::client
