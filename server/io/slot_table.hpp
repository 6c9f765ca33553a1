#pragma once

#include <cstddef>
#include <vector>

#include "io/engine.hpp"
#include "io/transfer.hpp"

namespace vserd::io {

/// Assigns slots to an engine's descriptors, and keeps an Entry for each slot. A reused slot still has its last Entry.
template <class Entry>
class SlotTable {
public:
    /// Returns a free slot, which stays free until take(). Call take() next, unless the descriptor is rejected.
    Result<Slot> next() {
        if (free_.empty()) {
            if (entries_.size() == slots_max) return too_many_descriptors();
            free_.reserve(entries_.size() + 1);  // so that give_back() never allocates
            entries_.emplace_back();
            free_.push_back(static_cast<Slot>(entries_.size() - 1));
        }
        return free_.back();
    }
    /// Takes the slot that next() returned.
    Entry& take() noexcept {
        const Slot slot = free_.back();
        free_.pop_back();
        return entries_[slot];
    }
    void give_back(Slot slot) noexcept { free_.push_back(slot); }

    Entry& operator[](Slot slot) noexcept { return entries_[slot]; }
    const Entry& operator[](Slot slot) const noexcept { return entries_[slot]; }
    std::size_t size() const noexcept { return entries_.size(); }  ///< includes free slots

private:
    std::vector<Entry> entries_;
    std::vector<Slot> free_;
};

}  // namespace vserd::io
