#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "base/result.hpp"
#include "etcd/api/etcdserverpb/rpc.grpc.pb.h"
#include "fleet/settings.hpp"

namespace vserd::fleet {

/// A gRPC channel to one member of etcd.
struct Connection {
    Endpoint endpoint;
    std::shared_ptr<grpc::Channel> channel;  // shared with its stubs
    std::unique_ptr<etcdserverpb::KV::Stub> kv;
    std::unique_ptr<etcdserverpb::Watch::Stub> watch;
    std::unique_ptr<etcdserverpb::Lease::Stub> lease;
    std::unique_ptr<etcdserverpb::Auth::Stub> auth;
};

/// Reads the TLS files. Does not wait for the connection.
Result<std::shared_ptr<Connection>> open_connection(const EtcdSettings& settings, const Endpoint& endpoint);

/// The password, without the newline at its end.
Result<std::string> read_password(const EtcdSettings& settings);

/// Whether open_connection() and read_password() work, for `vserd check` and the start.
Result<void> check_files(const EtcdSettings& settings);

/// An answer of etcd that is no success, as an Error. Its subject is the kind of problem; its message is for the journal.
/// Failure::unavailable, timed_out: another member may do better. unauthenticated: the token has expired. not_found: the lease has
/// ended. out_of_range: the revision is compacted. unsupported: etcd has no users.
Error to_error(const grpc::Status& status, const Endpoint& endpoint, const EtcdSettings& settings);

}  // namespace vserd::fleet
