#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace vserd::sim {

/// A queue of bytes with a fixed capacity. Not thread-safe. Allocates nothing after construction.
class ByteFifo {
public:
    explicit ByteFifo(std::size_t capacity_bytes) : ring_(capacity_bytes) {}

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    std::size_t room() const noexcept { return ring_.size() - size_; }
    void clear() noexcept { size_ = 0; }

    /// Appends all of `bytes`. Requires room for them.
    void push(std::span<const std::byte> bytes) noexcept {
        assert(bytes.size() <= room());
        if (bytes.empty()) return;
        const std::size_t tail = (head_ + size_) % ring_.size();
        const std::size_t first = std::min(bytes.size(), ring_.size() - tail);
        std::memcpy(ring_.data() + tail, bytes.data(), first);
        std::memcpy(ring_.data(), bytes.data() + first, bytes.size() - first);
        size_ += bytes.size();
    }
    void push(std::string_view text) noexcept { push(std::as_bytes(std::span(text))); }

    /// Moves the oldest bytes out, as many as fit.
    std::size_t pop(std::span<std::byte> place) noexcept {
        const std::size_t count = std::min(place.size(), size_);
        if (count == 0) return 0;
        const std::size_t first = std::min(count, ring_.size() - head_);
        std::memcpy(place.data(), ring_.data() + head_, first);
        std::memcpy(place.data() + first, ring_.data(), count - first);
        head_ = (head_ + count) % ring_.size();
        size_ -= count;
        return count;
    }

private:
    std::vector<std::byte> ring_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace vserd::sim
