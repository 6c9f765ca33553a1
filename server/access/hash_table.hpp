#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vserd::access {

/// The hash of a text that grows by one byte at a time (FNV-1a), so that all its beginnings cost one pass.
class RollingHash {
public:
    void add(char c) noexcept { value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U; }
    std::uint64_t value() const noexcept { return value_ ^ (value_ >> 32U); }

private:
    std::uint64_t value_ = 0xcbf29ce484222325U;
};

/// From hashes to numbers, in one piece of memory: a look-up is one cache miss. Different texts may have one hash, so the caller
/// compares them.
class HashTable {
public:
    void insert(std::uint64_t hash, std::uint32_t number);

    /// Calls `found(number)` for every number with this hash.
    template <class Found>
    void find(std::uint64_t hash, Found found) const {
        if (slots_.empty()) return;
        const auto wanted = static_cast<std::uint32_t>(hash);
        for (std::size_t i = wanted & (slots_.size() - 1); slots_[i].number != empty;
             i = (i + 1) & (slots_.size() - 1)) {
            if (slots_[i].hash == wanted) found(slots_[i].number);
        }
    }

private:
    static constexpr std::uint32_t empty = UINT32_MAX;
    struct Slot {
        std::uint32_t hash = 0;  ///< the lower half
        std::uint32_t number = empty;
    };

    void put(const Slot& slot) noexcept;

    std::vector<Slot> slots_;  ///< a power of two, at most half of them used
    std::size_t size_ = 0;
};

}  // namespace vserd::access
