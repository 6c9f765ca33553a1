#include "rpc/data_cache.hpp"

#include <functional>

namespace vserd::rpc {

grpc::ByteBuffer DataCache::encode(const log::DataItem& item, bool shared) {
    if (!shared) return encode_data_response(builder_, item);
    const log::Slice& first = item.slices.front();
    Entry& entry = entries_[std::hash<const void*>{}(first.block.get()) / alignof(log::Block) % entries];
    if (entry.data != first.data || entry.size != item.size || entry.offset != item.offset) {
        entry = {first.block, first.data, item.offset, item.size, encode_data_response(builder_, item)};
    }
    return entry.message;
}

}  // namespace vserd::rpc
