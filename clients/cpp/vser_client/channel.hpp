#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "vser_client/client.hpp"

namespace vser::client {

/// Adds the default port: "lab7" becomes "lab7:50051", "[::1]" becomes "[::1]:50051". Paths and addresses with a port do not
/// change.
std::string with_default_port(const std::string& address);

/// Creates a channel that detects a dead peer with keepalive pings and reconnects quickly. Fails only if a TLS file cannot be
/// read.
Result<std::shared_ptr<grpc::Channel>> make_channel(const std::string& address, const ConnectOptions& options);

}  // namespace vser::client
