#include "archive/index_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "archive/crc32c.hpp"
#include "archive/files.hpp"

namespace vserd::archive {
namespace {

constexpr std::uint64_t window_units = 146;  // 8 kB

std::uint64_t place_of(std::uint64_t unit) noexcept { return index_header_bytes + unit * index_unit_bytes; }

/// The position after a record. Empty if the payload contradicts the record.
std::optional<log::Cursor> end_of(const IndexRecord& head, ByteView payload) {
    switch (head.kind) {
        case RecordKind::data: return log::Cursor{head.at.offset + head.length, head.at.event};
        case RecordKind::event: return log::Cursor{head.at.offset, head.at.event + 1};
        default: break;
    }
    const GapPayload gap = unpacked_gap(payload);
    const log::Cursor end{gap.to, head.at.event + gap.events};
    if (end.offset < head.at.offset || end.event < head.at.event) return std::nullopt;
    return end;
}

}  // namespace

Result<IndexFile> IndexFile::open(std::string path) {
    auto file = open_file(path, O_RDONLY);
    if (!file) return file.error();
    IndexFile index(std::move(*file), std::move(path));
    std::array<std::byte, index_header_bytes> bytes{};
    auto got = read_at(index.file_, bytes, 0, index.path_);
    if (!got) return got.error();
    auto header = unpacked_header(ByteView(bytes).first(*got));
    if (!header) {
        Error error = header.error();
        error.message = index.path_ + " " + error.message;
        return error;
    }
    index.header_ = std::move(*header);
    index.seed_ = header_checksum(bytes);
    return index;
}

Result<std::uint64_t> IndexFile::units() {
    const auto bytes = size_of(file_, path_);
    if (!bytes) return bytes.error();
    return *bytes < index_header_bytes ? 0 : (*bytes - index_header_bytes) / index_unit_bytes;
}

/// From the window, or from the file if the window has no valid unit there: it may have been read before the writer was done.
Result<ByteView> IndexFile::unit_bytes(std::uint64_t unit) {
    const auto in_window = [&]() -> ByteView {
        const std::size_t at = (unit - window_begin_) * index_unit_bytes;
        return at + index_unit_bytes <= window_.size() ? ByteView(window_).subspan(at, index_unit_bytes) : ByteView{};
    };
    const bool inside = unit >= window_begin_ && unit - window_begin_ < window_units;
    if (inside && read_unit(in_window(), seed_, unit)) return in_window();
    window_.resize(window_units * index_unit_bytes);
    window_begin_ = unit;
    const auto got = read_at(file_, window_, place_of(unit), path_);
    window_.resize(got ? *got / index_unit_bytes * index_unit_bytes : 0);
    if (!got) return got.error();
    return in_window();
}

/// Empty: no whole record begins here.
Result<std::optional<Record>> IndexFile::record_at(std::uint64_t unit, std::uint64_t end) {
    const auto bytes = unit_bytes(unit);
    if (!bytes) return bytes.error();
    const auto read = read_unit(*bytes, seed_, unit);
    if (!read || read->kind == RecordKind::payload) return std::optional<Record>{};
    const auto head = unpacked_record(*bytes);
    if (!head || head->units > end - unit) return std::optional<Record>{};
    Record record{*head, {}, {}};
    auto whole = read_payload(unit, record);
    if (!whole) return whole.error();
    const auto record_end = end_of(*head, record.payload);
    if (!*whole || !record_end) return std::optional<Record>{};
    record.end = *record_end;
    return std::optional<Record>{std::move(record)};
}

Result<bool> IndexFile::read_payload(std::uint64_t unit, Record& record) {
    if (record.head.kind == RecordKind::data) return true;
    record.payload.reserve(record.head.length);
    for (std::uint16_t part = 1; part < record.head.units; ++part) {
        const auto bytes = unit_bytes(unit + part);
        if (!bytes) return bytes.error();
        const auto read = read_unit(*bytes, seed_, unit + part);
        if (!read || read->kind != RecordKind::payload || read->part != part) return false;
        const std::size_t size = std::min<std::size_t>(unit_payload_bytes, record.head.length - record.payload.size());
        record.payload.insert(record.payload.end(), bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(size));
    }
    return crc32c(record.payload) == record.head.crc;
}

Result<std::optional<IndexFile::Place>> IndexFile::next(std::uint64_t unit, std::uint64_t end) {
    for (; unit < end; ++unit) {
        auto record = record_at(unit, end);
        if (!record) return record.error();
        if (*record) return std::optional<Place>{Place{unit, std::move(**record)}};
    }
    return std::optional<Place>{};
}

Result<std::optional<IndexFile::Place>> IndexFile::last() {
    const auto end = units();
    if (!end) return end.error();
    return last(*end);
}

Result<std::optional<IndexFile::Place>> IndexFile::last(std::uint64_t end) {
    for (std::uint64_t unit = end; unit-- > 0;) {
        if (unit < window_begin_) unit_bytes(unit < window_units ? 0 : unit - window_units + 1);  // errors recur below
        auto record = record_at(unit, end);
        if (!record) return record.error();
        if (*record) return std::optional<Place>{Place{unit, std::move(**record)}};
    }
    return std::optional<Place>{};
}

Result<std::optional<IndexFile::Place>> IndexFile::first_not(const std::function<bool(const Record&)>& before,
                                                             std::uint64_t end) {
    std::uint64_t low = 0;  // all records that begin before it are `before`
    std::optional<Place> found;
    for (std::uint64_t high = end; low < high;) {
        const std::uint64_t middle = low + (high - low) / 2;
        auto place = next(middle, end);
        if (!place) return place.error();
        if (*place && (*place)->unit < high && before((*place)->record)) {
            low = (*place)->unit + (*place)->record.head.units;
        } else {
            if (*place && ((*place)->unit < high || !found)) found = std::move(**place);
            high = middle;
        }
    }
    if (found) return found;
    return next(low, end);
}

}  // namespace vserd::archive
