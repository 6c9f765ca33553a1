#pragma once

#include <cstddef>
#include <vector>

#include "io/engine.hpp"
#include "io/transfer.hpp"

namespace vserd::io {

/// Gives an engine's descriptors their slots, and keeps an Entry for each. A slot that is given back is used again, with
/// its Entry as it was left.
template <class Entry>
class SlotTable {
public:
    /// A free slot. It stays free until take(), which the next call must be, unless the descriptor is refused.
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
    std::size_t size() const noexcept { return entries_.size(); }  ///< slots ever used

private:
    std::vector<Entry> entries_;
    std::vector<Slot> free_;
};

}  // namespace vserd::io
