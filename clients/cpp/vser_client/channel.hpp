#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "vser_client/client.hpp"

namespace vser::client {

/// "lab7" becomes "lab7:50051", "[::1]" "[::1]:50051"; what has a port, and a path, stays as it is.
std::string with_default_port(const std::string& address);

/// A channel that notices a dead peer by keepalive pings and comes back quickly. Fails only on unreadable TLS files.
Result<std::shared_ptr<grpc::Channel>> make_channel(const std::string& address, const ConnectOptions& options);

}  // namespace vser::client
