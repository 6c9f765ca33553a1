#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

namespace vserd::test {

/// What a device sends: a function of its seed and of the offset in the port's log alone, so that any piece can be checked by itself.
std::string sent_bytes(std::uint64_t seed, std::uint64_t offset, std::size_t size);

/// Names one piece that a client writes. Those of a stream have numbers from 0 on; a Write is alone with its writer.
struct RecordId {
    std::uint32_t writer = 0;
    std::uint32_t number = 0;
    friend auto operator<=>(const RecordId&, const RecordId&) = default;
};

inline constexpr char record_mark = '\x01';
inline constexpr std::size_t record_head_size = 25;

/// A mark, the name and the whole size in hexadecimal, then text that belongs to the name. The mark is nowhere else in it, so what
/// follows a piece that was cut short is found.
std::string record(RecordId id, std::size_t size);
/// Of the text, from a position in the record on.
std::string record_text(RecordId id, std::size_t position, std::size_t size);
/// The name and size in a whole head; false where it is none.
bool parse_head(const std::string& head, RecordId& id, std::size_t& size);

}  // namespace vserd::test
