#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "archive/packing.hpp"
#include "base/result.hpp"
#include "log/byte_log_items.hpp"

/// The layout of BASE.idx: a header, then units of the same size. A record is one unit, or for events and gaps one unit and
/// those with its payload. All numbers are little-endian. Later versions read this layout: a change requires a new
/// index_version.
namespace vserd::archive {

inline constexpr std::uint32_t index_version = 1;
inline constexpr std::size_t index_header_bytes = 256;
inline constexpr std::size_t index_unit_bytes = 56;
inline constexpr std::size_t unit_payload_bytes = 48;
inline constexpr std::size_t span_bytes_max = std::size_t{64} << 10U;
inline constexpr std::size_t payload_bytes_max = 6144;
inline constexpr std::size_t log_id_bytes_max = 64;
inline constexpr std::size_t port_name_bytes_max = 128;

using Unit = std::array<std::byte, index_unit_bytes>;

struct IndexHeader {
    std::string log_id;
    std::string port;
    log::Cursor base;            ///< of the segment's first byte and first event
    std::int64_t latest_ns = 0;  ///< the latest time of all records before this segment
    std::int64_t created_ns = 0;
};

/// Failure::invalid_argument if the log id or the port's name is too long.
Result<Bytes> packed(const IndexHeader& header);
/// Failure::unsupported: another version, whose header has the same size, magic and checksum. The message completes a sentence
/// that begins with the file's name.
Result<IndexHeader> unpacked_header(ByteView bytes);
/// The header's checksum, with which the checksums of the units begin, so that data of another file is not valid here.
std::uint32_t header_checksum(ByteView bytes) noexcept;

enum class RecordKind : std::uint16_t { data = 1, event = 2, gap = 3, payload = 4 };

/// The first unit of a record.
struct IndexRecord {
    log::Cursor at = {};         ///< the position before the record
    std::int64_t time_ns = 0;    ///< by the system's clock; of data the time of its last byte
    std::int64_t latest_ns = 0;  ///< the latest time up to here. It never decreases, so searches for a time use it
    std::uint32_t length = 0;    ///< of the data or the payload
    std::uint32_t crc = 0;       ///< CRC32C of the data or the payload
    std::uint32_t position = 0;  ///< of the data in BASE.log; in other records the end of the data before them
    std::uint16_t units = 1;     ///< of the whole record
    RecordKind kind = RecordKind::data;
};

/// A record with its payload, and the position after it.
struct Record {
    IndexRecord head;
    log::Cursor end;
    Bytes payload;
};

/// The payload of a gap record: the bytes [from, to) and `events` events were lost before they were archived.
struct GapPayload {
    std::uint64_t to = 0;
    std::uint64_t events = 0;
    std::string reason;
};
Bytes packed(const GapPayload& gap);
GapPayload unpacked_gap(ByteView payload);

constexpr std::uint16_t units_for(std::size_t payload_bytes) noexcept {
    return static_cast<std::uint16_t>(1 + (payload_bytes + unit_payload_bytes - 1) / unit_payload_bytes);
}

/// All units of a record. Sets `units`, and `length` and `crc` if there is a payload. `first_unit` is its place in the file.
Bytes packed_units(IndexRecord record, ByteView payload, std::uint32_t seed, std::uint64_t first_unit);

/// A unit as it is read. Units of a payload tell where in their record they are.
struct ReadUnit {
    RecordKind kind;
    std::uint16_t part;  ///< 0: the first unit
};
/// Empty if the checksum is wrong or the kind is unknown.
std::optional<ReadUnit> read_unit(ByteView unit, std::uint32_t seed, std::uint64_t number) noexcept;
/// The fields of a first unit. Empty if they contradict each other.
std::optional<IndexRecord> unpacked_record(ByteView unit) noexcept;

}  // namespace vserd::archive
