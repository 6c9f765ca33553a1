#pragma once

#include <boost/container/small_vector.hpp>

#include "rpc/data_cache.hpp"
#include "rpc/text_encoder.hpp"

namespace vserd::rpc {

/// Messages in sending order. An item makes at most two.
using Messages = boost::container::small_vector<grpc::ByteBuffer, 2>;

/// Turns one reader's items into ReadResponse messages, whose field numbers are also those of AttachResponse.
class ItemEncoder {
public:
    ItemEncoder(DataCache& cache, bool text) : cache_(cache), text_(text) {}

    /// Appends the messages for `item`; none if text waits for the rest of a character.
    void encode(const log::Item& item, bool shared, Messages& messages);
    /// Appends the bytes that were kept back of a character that will not be completed.
    void flush(Messages& messages);

private:
    void encode_text(const log::DataItem& item, Messages& messages);

    DataCache& cache_;
    const bool text_;
    TextEncoder encoder_;
    std::uint64_t kept_offset_ = 0;  ///< of the bytes that encoder_ has kept back
    log::WallTime kept_received_;
};

}  // namespace vserd::rpc
