#pragma once

#include <grpcpp/server_builder.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "access/policy.hpp"
#include "base/fd.hpp"

namespace vserd::rpc {

/// Tells which user is at the other end of a Unix socket, which gRPC does not (https://github.com/grpc/grpc/issues/15511). A
/// fixed number of acceptors is added to the server. Each set of user and groups that connects gets one of its own, whose
/// calls carry its names in the AuthContext (unix_peer_property).
class UnixPeers {
public:
    /// More sets of user and groups than this stay anonymous.
    static constexpr std::size_t peers_max = 64;

    explicit UnixPeers(grpc::ServerBuilder& builder);
    ~UnixPeers();
    UnixPeers(const UnixPeers&) = delete;
    UnixPeers& operator=(const UnixPeers&) = delete;

    /// Passes the connection to the acceptor of its peer, or to one for anonymous peers: those that the rules do not know, and
    /// those for whom no acceptor is left. One thread at a time.
    void accept(int listener, base::Fd connection, const access::Policy& policy);
    /// Peers that are known to the rules and stayed anonymous. Any thread.
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

private:
    class Peer;
    struct Slot {
        std::shared_ptr<Peer> peer;
        std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
        std::vector<std::string> names;  ///< empty: not in use yet
    };

    Slot* slot_of(std::vector<std::string> names, const access::Policy& policy);

    std::array<Slot, peers_max> slots_;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> anonymous_;
    std::atomic<std::uint64_t> refused_{0};
};

}  // namespace vserd::rpc
