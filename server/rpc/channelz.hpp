#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "net/connections.hpp"

namespace vserd::rpc {

/// gRPC's own counters for each connection (https://github.com/grpc/proposal/blob/master/A14-channelz.md). One thread.
class Channelz {
public:
    /// The counts of that peer's connection since it began; zeros if gRPC does not know it.
    net::StreamCounts streams(const std::string& peer);

private:
    void list_sockets();

    std::unordered_map<std::string, std::intptr_t> sockets_;  ///< open sockets, by peer
};

}  // namespace vserd::rpc
