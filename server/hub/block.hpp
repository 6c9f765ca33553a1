#pragma once

#include <array>
#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>

namespace vserd::hub {

inline constexpr std::size_t block_bytes = std::size_t{64} << 10;

/// A piece of a byte log, filled once from the front and shared without copying between the log and the messages in
/// flight. The count is atomic because gRPC threads release; the bytes handed out never change.
struct Block {
    std::atomic<std::uint32_t> references{0};
    std::uint64_t first_offset = 0;  ///< of data[0] in the log
    std::size_t used = 0;            ///< written by the io thread only
    std::array<std::byte, block_bytes> data;

    friend void intrusive_ptr_add_ref(Block* block) noexcept {
        block->references.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(Block* block) noexcept {
        if (block->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete block;
    }
};

using BlockRef = boost::intrusive_ptr<Block>;

/// Bytes inside one block, kept alive by it.
struct Slice {
    BlockRef block;
    const std::byte* data = nullptr;
    std::size_t size = 0;
};

}  // namespace vserd::hub
