#pragma once

#include <grpcpp/server_builder.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

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

    /// Passes the connection to the acceptor of its peer. Returns false, and leaves the connection alone, if there is none left.
    /// One thread at a time.
    bool accept(int listener, base::Fd& connection);

private:
    class Peer;
    struct Slot {
        std::shared_ptr<Peer> peer;
        std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor;
        std::vector<std::string> names;  ///< empty: not in use yet
    };

    std::array<Slot, peers_max> slots_;
};

}  // namespace vserd::rpc
