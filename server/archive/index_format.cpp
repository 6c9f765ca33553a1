#include "archive/index_format.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "archive/crc32c.hpp"
#include "base/text.hpp"

namespace vserd::archive {
namespace {

constexpr std::string_view index_magic = "VSERDIDX";
constexpr std::size_t checksum_bytes = sizeof(std::uint32_t);
constexpr std::size_t gap_reason_bytes_max = 256;

Error invalid_header(std::string message) { return {Failure::invalid_argument, 0, {}, std::move(message)}; }

std::uint32_t last_number(ByteView bytes) noexcept {
    return Unpacker(bytes.last(checksum_bytes)).number<std::uint32_t>();
}

/// The unit's place is part of its checksum, so that a write that reached another place is not valid there.
std::uint32_t unit_checksum(ByteView unit, std::uint32_t seed, std::uint64_t number) noexcept {
    return crc32c(unit.first(index_unit_bytes - checksum_bytes), seed ^ static_cast<std::uint32_t>(number));
}

void append_unit(Packer& units, Packer unit, std::uint32_t seed, std::uint64_t number) {
    unit.number(std::uint32_t{0});
    const std::uint32_t checksum = unit_checksum(unit.bytes(), seed, number);
    units.raw(ByteView(unit.bytes()).first(index_unit_bytes - checksum_bytes)).number(checksum);
}

Packer first_unit_of(const IndexRecord& record) {
    Packer unit;
    unit.number(record.at.offset).number(record.at.event).number(record.time_ns).number(record.latest_ns);
    unit.number(record.length).number(record.crc).number(record.position).number(record.units).fill(50);
    unit.number(static_cast<std::uint16_t>(record.kind));
    return unit;
}

Packer payload_unit_of(ByteView payload, std::uint16_t part) {
    Packer unit;
    unit.raw(payload).fill(unit_payload_bytes).number(part);
    unit.number(static_cast<std::uint16_t>(RecordKind::payload));
    return unit;
}

bool is_consistent(const IndexRecord& record) noexcept {
    if (record.kind == RecordKind::data)
        return record.units == 1 && record.length >= 1 && record.length <= span_bytes_max &&
               record.at.offset + record.length > record.at.offset;
    return record.length <= payload_bytes_max && record.units == units_for(record.length);
}

}  // namespace

Result<Bytes> packed(const IndexHeader& header) {
    if (header.log_id.size() > log_id_bytes_max) return invalid_header("the log id is too long for the archive");
    if (header.port.size() > port_name_bytes_max) return invalid_header("the port's name is too long for the archive");
    Packer bytes;
    bytes.raw(std::as_bytes(std::span{index_magic})).number(index_version).number(std::uint32_t{0});
    bytes.number(header.base.offset).number(header.base.event).number(header.latest_ns).number(header.created_ns);
    bytes.text(header.log_id).text(header.port).fill(index_header_bytes - checksum_bytes);
    bytes.number(crc32c(bytes.bytes()));
    return bytes.take();
}

Result<IndexHeader> unpacked_header(ByteView bytes) {
    if (bytes.size() < index_header_bytes) return invalid_header("is too short for an index");
    bytes = bytes.first(index_header_bytes);
    if (!std::ranges::equal(bytes.first(index_magic.size()), std::as_bytes(std::span{index_magic})))
        return invalid_header("is not an index of an archive");
    if (crc32c(bytes.first(index_header_bytes - checksum_bytes)) != last_number(bytes))
        return invalid_header("has a damaged header");
    Unpacker fields(bytes.subspan(index_magic.size()));
    const auto version = fields.number<std::uint32_t>();
    if (version != index_version)
        return Error{Failure::unsupported, 0, "version",
                     "has layout " + std::to_string(version) + ", and this version of vserd reads layout " +
                         std::to_string(index_version)};
    fields.number<std::uint32_t>();
    IndexHeader header;
    header.base = {fields.number<std::uint64_t>(), fields.number<std::uint64_t>()};
    header.latest_ns = fields.number<std::int64_t>();
    header.created_ns = fields.number<std::int64_t>();
    header.log_id = base::printable_text(fields.text());
    header.port = base::printable_text(fields.text());
    return header;
}

std::uint32_t header_checksum(ByteView bytes) noexcept { return last_number(bytes.first(index_header_bytes)); }

Bytes packed(const GapPayload& gap) {
    Packer bytes;
    const std::string_view reason(gap.reason);
    bytes.number(gap.to).number(gap.events).text(reason.substr(0, gap_reason_bytes_max));
    return bytes.take();
}

GapPayload unpacked_gap(ByteView payload) {
    Unpacker fields(payload);
    GapPayload gap;
    gap.to = fields.number<std::uint64_t>();
    gap.events = fields.number<std::uint64_t>();
    gap.reason = base::printable_text(fields.text());
    return gap;
}

Bytes packed_units(IndexRecord record, ByteView payload, std::uint32_t seed, std::uint64_t first_unit) {
    if (record.kind != RecordKind::data) {
        record.length = static_cast<std::uint32_t>(payload.size());
        record.crc = crc32c(payload);
    }
    record.units = units_for(payload.size());
    Packer units;
    append_unit(units, first_unit_of(record), seed, first_unit);
    for (std::uint16_t part = 1; part < record.units; ++part) {
        const ByteView piece = payload.first(std::min(payload.size(), unit_payload_bytes));
        append_unit(units, payload_unit_of(piece, part), seed, first_unit + part);
        payload = payload.subspan(piece.size());
    }
    return units.take();
}

std::optional<ReadUnit> read_unit(ByteView unit, std::uint32_t seed, std::uint64_t number) noexcept {
    if (unit.size() < index_unit_bytes ||
        unit_checksum(unit, seed, number) != last_number(unit.first(index_unit_bytes)))
        return std::nullopt;
    Unpacker tail(unit.subspan(unit_payload_bytes));
    const auto part = tail.number<std::uint16_t>();
    const auto kind = static_cast<RecordKind>(tail.number<std::uint16_t>());
    if (kind < RecordKind::data || kind > RecordKind::payload) return std::nullopt;
    return ReadUnit{kind, kind == RecordKind::payload ? part : std::uint16_t{0}};
}

std::optional<IndexRecord> unpacked_record(ByteView unit) noexcept {
    Unpacker fields(unit);
    IndexRecord record;
    record.at = {fields.number<std::uint64_t>(), fields.number<std::uint64_t>()};
    record.time_ns = fields.number<std::int64_t>();
    record.latest_ns = fields.number<std::int64_t>();
    record.length = fields.number<std::uint32_t>();
    record.crc = fields.number<std::uint32_t>();
    record.position = fields.number<std::uint32_t>();
    record.units = fields.number<std::uint16_t>();
    fields.number<std::uint32_t>();
    record.kind = static_cast<RecordKind>(fields.number<std::uint16_t>());
    if (!is_consistent(record)) return std::nullopt;
    return record;
}

}  // namespace vserd::archive
