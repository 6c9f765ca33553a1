#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

namespace vserd::bench {

/// A channel with a connection of its own.
std::shared_ptr<grpc::Channel> own_channel(const std::string& address);

}  // namespace vserd::bench
