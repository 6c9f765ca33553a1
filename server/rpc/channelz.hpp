#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "net/connections.hpp"

namespace vserd::rpc {

/// gRPC's own counters for each connection (https://github.com/grpc/proposal/blob/master/A14-channelz.md). One thread.
class Channelz {
public:
    /// The counts of that peer's connection since it began; nothing if gRPC does not know it.
    std::optional<net::StreamCounts> streams(const std::string& peer);

private:
    void list_sockets();
    std::string json_of(const std::string& peer) const;

    std::unordered_map<std::string, std::intptr_t> sockets_;  ///< open sockets, by peer
    std::chrono::steady_clock::time_point listed_;
};

}  // namespace vserd::rpc
