#include "archive/crc32c.hpp"

#include <boost/crc.hpp>
#include <cstring>

namespace vserd::archive {
namespace {

std::uint32_t reversed_bits(std::uint32_t value) noexcept {
    std::uint32_t reversed = 0;
    for (int bit = 0; bit < 32; ++bit, value >>= 1U) reversed = reversed << 1U | (value & 1U);
    return reversed;
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] std::uint32_t crc32c_by_processor(std::span<const std::byte> bytes,
                                                            std::uint32_t before) noexcept {
    std::uint64_t crc = ~before;
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    auto rest = static_cast<std::uint32_t>(crc);
    for (; at < bytes.size(); ++at) rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(bytes[at]));
    return ~rest;
}

const bool has_instruction = [] {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") != 0;
}();
#endif

}  // namespace

std::uint32_t portable_crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc(reversed_bits(~before));
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
#if defined(__x86_64__)
    if (has_instruction) return crc32c_by_processor(bytes, before);
#endif
    return portable_crc32c(bytes, before);
}

}  // namespace vserd::archive
