#pragma once

#include <grpcpp/server_context.h>

#include "access/authority.hpp"
#include "base/result.hpp"
#include "hub/client.hpp"
#include "rpc/environment.hpp"

namespace vserd::rpc {

/// The property of a connection's AuthContext that names the Unix user of the peer: "uid:1000", then "gid:20" for each group.
inline constexpr const char* unix_peer_property = "vserd_unix_peer";

/// Who makes a call: by its client certificate, its bearer token, and the user at the other end of a Unix socket. Fails with
/// unauthenticated if a token is given that proves nothing. Without [access] nobody is identified. Any thread.
Result<access::Identity> identity_of(const grpc::ServerContextBase& context, const access::Authority& authority);

/// A call that may go on.
struct Admitted {
    net::Ticket ticket;
    hub::Client client;
};

/// Asks admission for a call that takes `bytes` and has received `message_bytes`, then finds out who makes it. Any thread.
Result<Admitted> admit(Environment& environment, const grpc::ServerContextBase& context, std::size_t bytes,
                       std::size_t message_bytes);

}  // namespace vserd::rpc
