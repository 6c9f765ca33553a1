#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "net/connections.hpp"

namespace vserd::rpc {

/// What gRPC itself counts of each connection (https://github.com/grpc/proposal/blob/master/A14-channelz.md). One thread.
class Channelz {
public:
    /// Of the connection of that peer since it began; zeros for one that gRPC does not know.
    net::StreamCounts streams(const std::string& peer);

private:
    void list_sockets();

    std::unordered_map<std::string, std::intptr_t> sockets_;  ///< by peer; those that are open
};

}  // namespace vserd::rpc
