#pragma once

#include <array>
#include <cstdint>

#include "rpc/wire.hpp"

namespace vserd::rpc {

/// The last few data messages, so that readers of one port that stand at the same place share one serialized buffer.
/// Io thread only. It pins the blocks of at most `entries` messages.
class DataCache {
public:
    /// `item` as a ReadResponse (and AttachResponse). `shared`: whether another reader may soon ask for the same.
    grpc::ByteBuffer encode(const log::DataItem& item, bool shared);

private:
    static constexpr std::size_t entries = 16;

    struct Entry {
        log::BlockRef block;  ///< keeps `data` from being another log's before the entry goes
        const std::byte* data = nullptr;
        std::uint64_t offset = 0;
        std::size_t size = 0;
        grpc::ByteBuffer message;
    };

    MessageBuilder builder_;
    std::array<Entry, entries> entries_;
};

}  // namespace vserd::rpc
