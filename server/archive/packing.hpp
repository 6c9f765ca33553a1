#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vserd::archive {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

/// Appends little-endian numbers, and texts with their length before them.
class Packer {
public:
    template <std::integral Number>
    Packer& number(Number value) {
        for (std::size_t i = 0; i < sizeof(Number); ++i)
            bytes_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFFU));
        return *this;
    }
    Packer& raw(ByteView bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Packer& text(std::string_view text) {
        number(static_cast<std::uint32_t>(text.size()));
        return raw(std::as_bytes(std::span{text}));
    }
    /// Appends zeros up to `size`.
    Packer& fill(std::size_t size) {
        bytes_.resize(size);
        return *this;
    }

    const Bytes& bytes() const noexcept { return bytes_; }
    Bytes take() noexcept { return std::move(bytes_); }

private:
    Bytes bytes_;
};

/// The inverse. Beyond the end, numbers are 0 and texts are empty or shorter: fields that an older version did not write.
class Unpacker {
public:
    explicit Unpacker(ByteView bytes) noexcept : left_(bytes) {}

    template <std::integral Number>
    Number number() noexcept {
        std::uint64_t value = 0;
        const ByteView bytes = raw(sizeof(Number));
        for (std::size_t i = 0; i < bytes.size(); ++i) value |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
        return static_cast<Number>(value);
    }
    std::string text() {
        const ByteView bytes = raw(number<std::uint32_t>());
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    ByteView raw(std::size_t size) noexcept {
        const ByteView taken = left_.first(std::min(size, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }

private:
    ByteView left_;
};

}  // namespace vserd::archive
