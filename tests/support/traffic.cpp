#include "support/traffic.hpp"

#include <array>
#include <cinttypes>
#include <cstdio>

namespace vserd::test {
namespace {

constexpr unsigned text_first = 0x20;
constexpr unsigned text_count = 95;

/// splitmix64
std::uint64_t mix(std::uint64_t value) {
    value += 0x9E3779B97F4A7C15U;
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31U);
}

}  // namespace

std::string sent_bytes(std::uint64_t seed, std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint64_t at = offset + i;
        if (i == 0 || at % 8 == 0) word = mix(seed ^ mix(at / 8));
        bytes[i] = static_cast<char>(word >> (at % 8 * 8));
    }
    return bytes;
}

std::string record_text(RecordId id, std::size_t position, std::size_t size) {
    std::string text = sent_bytes(std::uint64_t{id.writer} << 32U | id.number, position, size);
    for (char& letter : text) letter = static_cast<char>(text_first + static_cast<unsigned char>(letter) % text_count);
    return text;
}

std::string record(RecordId id, std::size_t size) {
    std::array<char, record_head_size + 1> head;
    std::snprintf(head.data(), head.size(), "%c%08x%08x%08zx", record_mark, id.writer, id.number, size);
    return head.data() + record_text(id, record_head_size, size - record_head_size);
}

bool parse_head(const std::string& head, RecordId& id, std::size_t& size) {
    int end = 0;
    const int fields =
        std::sscanf(head.c_str() + 1, "%8" SCNx32 "%8" SCNx32 "%8zx%n", &id.writer, &id.number, &size, &end);
    return fields == 3 && end + 1 == static_cast<int>(record_head_size) && size >= record_head_size;
}

}  // namespace vserd::test
