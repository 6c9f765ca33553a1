#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "vser_client.hpp"

namespace vserd::bench {

/// A channel with a connection of its own; of the options, TLS and its files count.
std::shared_ptr<grpc::Channel> own_channel(const std::string& address,
                                           const vser::client::ConnectOptions& options = {});

}  // namespace vserd::bench
