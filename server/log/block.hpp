#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>

namespace vserd::log {

class LogStore;
struct LogSlot;

inline constexpr std::size_t block_bytes = std::size_t{64} << 10;

/// A piece of a byte log. It is filled once from the front, and the log and messages in flight share it without copying. The
/// reference count is atomic, because gRPC threads release blocks. Bytes never change while it is not 0.
struct Block {
    std::atomic<std::uint32_t> references{0};
    LogStore* store = nullptr;       ///< has the bytes in a slot; null: they are on the heap and lost at a restart
    LogSlot* slot = nullptr;         ///< its record in the store
    std::byte* data = nullptr;       ///< block_bytes of them
    std::uint64_t first_offset = 0;  ///< of data[0] in the log
    std::size_t used = 0;            ///< only the io thread writes it
    std::size_t prepared = 0;        ///< the unused part holds the fill pattern up to here

    friend void intrusive_ptr_add_ref(Block* block) noexcept {
        block->references.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(Block* block) noexcept {
        LogStore* const owner = block->store;  // read it now: after the decrement another thread may reuse the block
        if (block->references.fetch_sub(1, std::memory_order_acq_rel) == 1) given_back(block, owner);
    }
    static void given_back(Block* block, LogStore* store) noexcept;
};

using BlockRef = boost::intrusive_ptr<Block>;

/// Bytes inside one block, which it keeps alive.
struct Slice {
    BlockRef block;
    const std::byte* data = nullptr;
    std::size_t size = 0;
};

}  // namespace vserd::log
