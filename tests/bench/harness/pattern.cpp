#include "harness/pattern.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace vserd::bench {
namespace {

constexpr std::size_t period = 65521;  // prime, so that no block size hides a lost block

const std::vector<std::byte>& table() {
    static const std::vector<std::byte> bytes = [] {
        std::vector<std::byte> made(period + pattern_piece_bytes);
        std::minstd_rand random(1);
        for (std::size_t i = 0; i < period; ++i) made[i] = static_cast<std::byte>(random() >> 8);
        made[0] = std::byte{0xA5};
        for (std::size_t i = period; i < made.size(); ++i) made[i] = made[i - period];
        return made;
    }();
    return bytes;
}

}  // namespace

std::span<const std::byte> pattern_at(std::uint64_t offset, std::size_t size) {
    return {table().data() + offset % period, std::min(size, pattern_piece_bytes)};
}

void StreamCheck::feed(std::span<const std::byte> bytes) noexcept {
    std::uint64_t offset = received_.load(std::memory_order_relaxed);
    if (offset == 0) {
        if (!bytes.empty()) synced_.store(true, std::memory_order_relaxed);
        while (!bytes.empty() && bytes.front() == std::byte{0}) bytes = bytes.subspan(1);
    }
    while (!bytes.empty()) {
        const auto wanted = pattern_at(offset, bytes.size());
        if (std::memcmp(wanted.data(), bytes.data(), wanted.size()) != 0) lost();
        offset += wanted.size();
        bytes = bytes.subspan(wanted.size());
    }
    received_.store(offset, std::memory_order_relaxed);
}

}  // namespace vserd::bench
