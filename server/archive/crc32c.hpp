#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vserd::archive {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4). `before` is the checksum of the bytes before these, so that pieces can be
/// checksummed one after the other.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

/// The same without the processor's instruction.
std::uint32_t portable_crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

}  // namespace vserd::archive
