#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "vser_client/client.hpp"

namespace vser::client {

/// A channel that notices a dead peer by keepalive pings and comes back quickly. Fails only on unreadable TLS files.
Result<std::shared_ptr<grpc::Channel>> make_channel(const std::string& address, const ConnectOptions& options);

}  // namespace vser::client
