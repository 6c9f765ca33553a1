#pragma once

#include <array>
#include <cstdint>

#include "rpc/wire.hpp"

namespace vserd::rpc {

/// Keeps the last few data messages, so that readers at the same offset of a port share one serialized buffer. Keeps the
/// blocks of at most `entries` messages alive. Io thread only.
class DataCache {
public:
    /// `item` as a ReadResponse (and AttachResponse). `shared`: another reader may soon need the same message.
    grpc::ByteBuffer encode(const log::DataItem& item, bool shared);

private:
    static constexpr std::size_t entries = 16;

    struct Entry {
        log::BlockRef block;  ///< keeps the block alive, so that `data` cannot become memory of another log
        const std::byte* data = nullptr;
        std::uint64_t offset = 0;
        std::size_t size = 0;
        grpc::ByteBuffer message;
    };

    MessageBuilder builder_;
    std::array<Entry, entries> entries_;
};

}  // namespace vserd::rpc
