#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "log/log_store.hpp"

namespace vserd::log {
namespace {

constexpr std::uint64_t no_text = 0x8080'8080'8080'8080;

/// The slot counts as free until it is filled.
void begin_slot(LogSlot& slot, std::uint64_t first_offset) noexcept {
    slot.filled.store(0, std::memory_order_release);
    // No later store may become visible before this one.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    slot.first_offset.store(first_offset, std::memory_order_relaxed);
}

}  // namespace

/// Repeats eight bytes that a device cannot guess and that never occur in text.
std::byte LogStore::fill_byte_at(const Block& block, std::size_t at) const noexcept {
    return static_cast<std::byte>((mixed(salt_ ^ block.first_offset) | no_text) >> at % 8 * 8);
}

void LogStore::prepare(Block& block, std::size_t end) noexcept {
    if (!survives_ || block.slot == nullptr || block.prepared >= end) return;
    std::array<std::byte, 8> fill{};
    const std::size_t begin = std::max(block.prepared, block.used);
    for (std::size_t i = 0; i < fill.size(); ++i) fill[i] = fill_byte_at(block, begin + i);
    std::size_t at = begin;
    for (; at + fill.size() <= end; at += fill.size()) std::memcpy(block.data + at, fill.data(), fill.size());
    std::memcpy(block.data + at, fill.data(), end - at);
    block.prepared = end;
    const auto slot = static_cast<std::uint64_t>(block.slot - slots_);
    header_->prepared.store(slot << 32U | end, std::memory_order_release);
}

Uncounted LogStore::take_uncounted() {
    const std::uint64_t word = header_->prepared.load(std::memory_order_acquire);
    const std::size_t slot = word >> 32U;
    const std::size_t end = std::min<std::size_t>(word & 0xFFFF'FFFFU, block_bytes);
    if (!recovered_ || slot >= slots_count_ || end == 0) return {};
    Block& block = block_at(slot);
    const bool begun = block.used > 0;  // find_blocks() has found it
    if (!begun) block.first_offset = block.slot->first_offset.load(std::memory_order_relaxed);
    if (block.first_offset + block.used != found_head_) return {};
    std::size_t read = end;
    while (read > block.used && block.data[read - 1] == fill_byte_at(block, read - 1)) --read;
    if (read == block.used) return {};
    if (begun) return {{}, read - block.used};
    intrusive_ptr_add_ref(this);
    return {BlockRef(&block), read};
}

/// Made on first use: most ports never fill most of their slots.
Block& LogStore::block_at(std::size_t slot) {
    if (slot >= blocks_.size()) blocks_.resize(slot + 1);
    std::unique_ptr<Block>& block = blocks_[slot];
    if (!block) {
        block = std::make_unique<Block>();
        block->store = this;
        block->slot = &slots_[slot];
        block->data = data_ + slot * block_bytes;
    }
    return *block;
}

bool LogStore::is_free(std::size_t slot) const noexcept {
    return slot >= blocks_.size() || !blocks_[slot] || blocks_[slot]->references.load(std::memory_order_acquire) == 0;
}

BlockRef LogStore::new_block(std::uint64_t first_offset) {
    std::size_t slot = next_slot_;
    for (std::size_t looked = 0; looked < own_slots_ && !is_free(slot); ++looked) slot = (slot + 1) % own_slots_;
    if (is_free(slot)) {
        next_slot_ = (slot + 1) % own_slots_;
    } else {
        slot = own_slots_;
        while (slot < usable_slots_ && !is_free(slot)) ++slot;
    }
    if (slot >= usable_slots_) {
        auto block = std::make_unique<Block>();
        block->data = new std::byte[block_bytes];
        block->first_offset = first_offset;
        return BlockRef(block.release());
    }
    Block& block = block_at(slot);
    block.first_offset = first_offset;
    block.used = 0;
    block.prepared = 0;
    begin_slot(*block.slot, first_offset);
    intrusive_ptr_add_ref(this);
    return BlockRef(&block);
}

void LogStore::fill(Block& block, std::size_t used) noexcept {
    block.used = used;
    if (block.slot != nullptr) {
        block.slot->filled.store(filled_word(block.first_offset, used), std::memory_order_release);
    } else {
        LogSlot& turn = header_->unsaved[unsaved_turn_++ % 2];
        begin_slot(turn, block.first_offset + used);
        turn.filled.store(filled_word(block.first_offset + used, 0), std::memory_order_release);
    }
}

}  // namespace vserd::log
