#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstddef>
#include <cstdint>

namespace vserd::log {

class LogStore;
struct LogSlot;

inline constexpr std::size_t block_bytes = std::size_t{64} << 10;

/// A piece of a byte log, filled once from the front and shared without copying between the log and the messages in
/// flight. The count is atomic because gRPC threads release; the bytes handed out never change while it is not 0.
struct Block {
    std::atomic<std::uint32_t> references{0};
    LogStore* store = nullptr;       ///< whose slot the bytes are in; null: on the heap, which no restart survives
    LogSlot* slot = nullptr;         ///< what the store remembers of it
    std::byte* data = nullptr;       ///< block_bytes of them
    std::uint64_t first_offset = 0;  ///< of data[0] in the log
    std::size_t used = 0;            ///< written by the io thread only
    std::size_t prepared = 0;        ///< up to here, what is not used shows whether it was read into

    friend void intrusive_ptr_add_ref(Block* block) noexcept {
        block->references.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(Block* block) noexcept {
        LogStore* const owner = block->store;  // whoever takes the block next may be faster than what follows
        if (block->references.fetch_sub(1, std::memory_order_acq_rel) == 1) given_back(block, owner);
    }
    static void given_back(Block* block, LogStore* store) noexcept;
};

using BlockRef = boost::intrusive_ptr<Block>;

/// Bytes inside one block, kept alive by it.
struct Slice {
    BlockRef block;
    const std::byte* data = nullptr;
    std::size_t size = 0;
};

}  // namespace vserd::log
