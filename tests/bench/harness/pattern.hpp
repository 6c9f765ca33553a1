#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vserd::bench {

/// Bytes at most that pattern_at() gives in one piece.
inline constexpr std::size_t pattern_piece_bytes = std::size_t{64} << 10;

/// The endless pattern that every stream carries, from `offset` on. It starts with a byte that is not 0.
std::span<const std::byte> pattern_at(std::uint64_t offset, std::size_t size);

/// Checks one stream and counts it. Fed by one thread, read by any.
///
/// A bridge may need a while until a reader is attached, so a stream starts with any number of zero bytes, which are
/// counted in `synced` only; the first other byte is the pattern's first.
class StreamCheck {
public:
    void feed(std::span<const std::byte> bytes) noexcept;

    std::uint64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }
    bool synced() const noexcept { return synced_.load(std::memory_order_relaxed); }
    bool intact() const noexcept { return intact_.load(std::memory_order_relaxed); }
    void lost() noexcept { intact_.store(false, std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> received_{0};
    std::atomic<bool> synced_{false};
    std::atomic<bool> intact_{true};
};

}  // namespace vserd::bench
