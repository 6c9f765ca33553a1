#include "archive/archive_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "archive/crc32c.hpp"
#include "archive/event_codec.hpp"
#include "archive/names.hpp"
#include "archive/times.hpp"

namespace vserd::archive {
namespace {

constexpr const char* no_longer_kept = "no longer kept in the archive";
constexpr const char* missing = "missing in the archive";

/// Whether a later call may succeed. All other failures are damage: they do not end by themselves.
bool is_temporary(const Error& error) noexcept {
    return error.errno_value == EMFILE || error.errno_value == ENFILE || error.errno_value == ENOMEM ||
           error.errno_value == EACCES;
}

bool is_behind(const log::Cursor& cursor, const log::Cursor& end) noexcept {
    return end.offset <= cursor.offset && end.event <= cursor.event;
}

}  // namespace

ArchiveReader::ArchiveReader(std::string port_directory, std::string log_id)
    : directory_(std::move(port_directory)), log_id_(std::move(log_id)) {}

Result<void> ArchiveReader::list() {
    auto bases = segment_bases(directory_);
    if (!bases) return bases.error();
    bases_ = std::move(*bases);
    return {};
}

/// False: the segment cannot be used, and hole_reason_ says why.
Result<bool> ArchiveReader::open_segment(std::uint64_t base) {
    segment_.reset();
    at_.reset();
    auto index = IndexFile::open(SegmentPaths(directory_, base).index);
    if (!index && is_temporary(index.error())) return index.error();
    if (!index) {
        hole_reason_ = index.error().errno_value == ENOENT ? no_longer_kept : index.error().message;
        return false;
    }
    if (index->header().base.offset != base) {
        hole_reason_ = index->path() + " is of another segment";
        return false;
    }
    if (!log_id_.empty() && index->header().log_id != log_id_) {
        hole_reason_ = "of another log, " + index->header().log_id;
        return false;
    }
    segment_.emplace(Segment{base, std::move(*index), {}, {}, 0});
    return true;
}

/// The first segment at or after bases_[place] that can be used.
Result<bool> ArchiveReader::open_from(std::size_t place) {
    for (; place < bases_.size(); ++place) {
        auto opened = open_segment(bases_[place]);
        if (!opened || *opened) return opened;
    }
    return false;
}

/// The last of the first `places` segments that can be used.
Result<bool> ArchiveReader::open_backwards(std::size_t places) {
    while (places-- > 0) {
        auto opened = open_segment(bases_[places]);
        if (!opened || *opened) return opened;
    }
    return false;
}

Result<log::Cursor> ArchiveReader::oldest() {
    if (auto listed = list(); !listed) return listed.error();
    const auto opened = open_from(0);
    if (!opened) return opened.error();
    return *opened ? segment_->index.header().base : log::Cursor{};
}

Result<log::Cursor> ArchiveReader::next() {
    if (auto listed = list(); !listed) return listed.error();
    const auto opened = open_backwards(bases_.size());
    if (!opened) return opened.error();
    if (!*opened) return log::Cursor{};
    const auto units = segment_->index.units();
    if (!units) return units.error();
    const auto last = segment_->index.last(*units);
    if (!last) return last.error();
    return *last ? (*last)->record.end : segment_->index.header().base;
}

/// The beginning of the first usable segment at or after bases_[place], or the end of the archive.
Result<log::Cursor> ArchiveReader::head_of_next(std::size_t place) {
    const auto opened = open_from(place);
    if (!opened) return opened.error();
    return *opened ? segment_->index.header().base : next();
}

Result<log::Cursor> ArchiveReader::at_offset(std::uint64_t offset) {
    if (auto listed = list(); !listed) return listed.error();
    const auto after =
        std::lower_bound(bases_.begin(), bases_.end(), offset);  // an event at its base is in the one before
    const auto before = static_cast<std::size_t>(after - bases_.begin());
    const auto opened = open_backwards(before);
    if (!opened) return opened.error();
    std::optional<IndexFile::Place> place;
    if (*opened) {
        const auto units = segment_->index.units();
        if (!units) return units.error();
        auto found = segment_->index.first_not(
            [offset](const Record& record) { return record.end.offset <= offset && record.head.at.offset < offset; },
            *units);
        if (!found) return found.error();
        place = std::move(*found);
    }
    if (place) return log::Cursor{offset, place->record.head.at.event};
    const auto head = head_of_next(before);
    if (!head) return head.error();
    return log::Cursor{std::min(offset, std::max(offset, head->offset)), head->event};
}

/// How many segments begin before the first record at or after the time; segments that cannot be opened count like the ones
/// before them.
Result<std::size_t> ArchiveReader::segments_before(std::int64_t time_ns) {
    std::size_t low = 0;
    for (std::size_t high = bases_.size(); low < high;) {
        const std::size_t middle = low + (high - low) / 2;
        const auto opened = open_from(middle);
        if (!opened) return opened.error();
        if (*opened && segment_->base < (high < bases_.size() ? bases_[high] : ~std::uint64_t{0}) &&
            segment_->index.header().latest_ns < time_ns)
            low = static_cast<std::size_t>(std::lower_bound(bases_.begin(), bases_.end(), segment_->base) -
                                           bases_.begin()) +
                  1;
        else
            high = middle;
    }
    return low;
}

Result<log::Cursor> ArchiveReader::at_time(log::WallTime time) {
    if (auto listed = list(); !listed) return listed.error();
    const std::int64_t time_ns = ns_of(time);
    const auto before = segments_before(time_ns);
    if (!before) return before.error();
    const auto opened = open_backwards(*before);
    if (!opened) return opened.error();
    if (*opened) {
        const auto units = segment_->index.units();
        if (!units) return units.error();
        const auto found = segment_->index.first_not(
            [time_ns](const Record& record) { return record.head.latest_ns < time_ns; }, *units);
        if (!found) return found.error();
        if (*found) return (*found)->record.head.at;
    }
    return head_of_next(*before);
}

/// Opens the segment that has the cursor, or the first one after it.
Result<void> ArchiveReader::seek(const log::Cursor& cursor) {
    hole_reason_.clear();
    if (auto listed = list(); !listed) return listed;
    if (!bases_.empty() && cursor.offset < bases_.front()) hole_reason_ = no_longer_kept;
    auto after = std::upper_bound(bases_.begin(), bases_.end(), cursor.offset);
    auto place = static_cast<std::size_t>(after - bases_.begin());
    place -= place > 0 ? 1 : 0;
    auto opened = open_from(place);
    if (!opened) return opened.error();
    // Events at the first offset of a segment may be in the one before.
    if (*opened && place > 0 && cursor.event < segment_->index.header().base.event &&
        cursor.offset <= segment_->index.header().base.offset) {
        opened = open_from(place - 1);
        if (!opened) return opened.error();
    }
    if (!*opened) return {};
    const auto units = segment_->index.units();
    if (!units) return units.error();
    const auto found =
        segment_->index.first_not([&](const Record& record) { return is_behind(cursor, record.end); }, *units);
    if (!found) return found.error();
    segment_->unit = *found ? (*found)->unit : *units;
    at_ = cursor;
    return {};
}

Result<bool> ArchiveReader::next_segment() {
    const std::uint64_t base = segment_->base;
    const auto after = [&] { return std::upper_bound(bases_.begin(), bases_.end(), base); };
    if (auto listed = list(); !listed) return listed.error();
    if (after() == bases_.end()) return false;
    // The writer may have appended to this segment before it began the next one.
    const auto units = segment_->index.units();
    if (!units) return units.error();
    if (const auto place = segment_->index.next(segment_->unit, *units); !place || *place)
        return place ? Result<bool>{true} : Result<bool>{place.error()};
    const std::uint64_t unit = segment_->unit;
    if (*units > unit) hole_reason_ = segment_->index.path() + " is damaged";
    Segment current = std::move(*segment_);
    auto opened = open_from(static_cast<std::size_t>(after() - bases_.begin()));
    if (!opened || !*opened) segment_ = std::move(current);
    return opened;
}

/// Empty at the end. Leaves segment_->unit at the record.
Result<std::optional<Record>> ArchiveReader::next_record() {
    while (segment_) {
        const auto units = segment_->index.units();
        if (!units) return units.error();
        auto place = segment_->index.next(segment_->unit, *units);
        if (!place) return place.error();
        if (*place) {
            if ((*place)->unit != segment_->unit) hole_reason_ = segment_->index.path() + " is damaged";
            segment_->unit = (*place)->unit;
            return std::optional<Record>{std::move((*place)->record)};
        }
        const auto moved = next_segment();
        if (!moved) return moved.error();
        if (!*moved) break;
    }
    return std::optional<Record>{};
}

Result<void> ArchiveReader::read(log::Cursor& cursor, std::size_t bytes_max, ReadBatch& batch) {
    batch.bytes.clear();
    batch.items.clear();
    batch.at_end = false;
    const auto units = segment_ ? segment_->index.units() : Result<std::uint64_t>{0};
    if (!at_ || *at_ != cursor || !units || *units < segment_->unit)  // fewer: the end was repaired
        if (auto sought = seek(cursor); !sought) return sought;
    const Reading to{cursor, std::max<std::size_t>(bytes_max, 1), batch};
    while (batch.bytes.size() < to.bytes_max && batch.items.size() < batch_items_max) {
        const auto record = next_record();
        if (!record) return record.error();
        if (!*record) return end_batch(to);
        if (auto consumed = consume(**record, to); !consumed) return consumed;
        if (is_behind(cursor, (*record)->end)) segment_->unit += (*record)->head.units;
        at_ = cursor;
    }
    return {};
}

/// The last segment may have no record yet; what is missing before it is known already.
Result<void> ArchiveReader::end_batch(const Reading& to) {
    to.batch.at_end = true;
    if (!segment_) return {};
    add_gap(to, segment_->index.header().base, hole_reason_.empty() ? missing : hole_reason_);
    at_ = to.cursor;
    return {};
}

void ArchiveReader::add_gap(const Reading& to, log::Cursor end, const std::string& reason) {
    const log::GapItem gap{to.cursor.offset, std::max(end.offset, to.cursor.offset),
                           end.event - std::min(end.event, to.cursor.event)};
    to.cursor = {gap.to, std::max(end.event, to.cursor.event)};
    if (gap.from == gap.to && gap.events_lost == 0) return;
    auto& items = to.batch.items;
    auto* last = items.empty() ? nullptr : std::get_if<ArchivedGap>(&items.back());
    if (last == nullptr || last->reason != reason) {
        items.emplace_back(ArchivedGap{gap, reason});
        return;
    }
    last->gap.to = gap.to;
    last->gap.events_lost += gap.events_lost;
}

/// Moves the cursor over the record, or over a part of its data. What is missing before the record is a gap.
Result<void> ArchiveReader::consume(const Record& record, const Reading& to) {
    const IndexRecord& head = record.head;
    add_gap(to, head.at, hole_reason_.empty() ? missing : hole_reason_);
    hole_reason_.clear();
    if (is_behind(to.cursor, record.end)) return {};
    if (head.kind == RecordKind::data) return read_data(record, to);
    if (head.kind == RecordKind::gap) {
        add_gap(to, record.end, unpacked_gap(record.payload).reason);
        return {};
    }
    auto event = unpacked_event(record.payload);
    to.cursor.event = record.end.event;
    if (event && head.at.offset == to.cursor.offset)
        to.batch.items.emplace_back(log::EventItem{
            head.at.offset, {time_of(head.time_ns), log::before_this_boot}, std::move(*event), record.end.event});
    return {};
}

Result<void> ArchiveReader::open_data() {
    if (segment_->data || !segment_->data_problem.empty()) return {};
    auto data = SegmentData::open(SegmentPaths(directory_, segment_->base));
    if (!data && is_temporary(data.error())) return data.error();
    if (data)
        segment_->data.emplace(std::move(*data));
    else
        segment_->data_problem = data.error().errno_value == ENOENT ? no_longer_kept : data.error().message;
    return {};
}

/// Appends the whole span; on damage returns the reason and leaves `bytes` as they were.
Result<std::string> ArchiveReader::append_span(const IndexRecord& span, Bytes& bytes) {
    if (auto opened = open_data(); !opened) return opened.error();
    if (!segment_->data) return segment_->data_problem;
    const std::size_t begin = bytes.size();
    bytes.resize(begin + span.length);
    const std::span<std::byte> target = std::span(bytes).subspan(begin);
    const auto got = segment_->data->read(span.position, target);
    if (got && crc32c(target) == span.crc) return std::string{};
    bytes.resize(begin);
    if (!got && is_temporary(got.error())) return got.error();
    return got ? "damaged data in " + SegmentPaths(directory_, segment_->base).log : got.error().message;
}

Result<void> ArchiveReader::read_data(const Record& record, const Reading& to) {
    Bytes& bytes = to.batch.bytes;
    const std::size_t begin = bytes.size();
    const std::size_t room = to.bytes_max - begin;
    const auto damage = append_span(record.head, bytes);
    if (!damage) return damage.error();
    if (!damage->empty()) {
        add_gap(to, record.end, *damage);
        return {};
    }
    const auto skip = static_cast<std::ptrdiff_t>(to.cursor.offset - record.head.at.offset);
    bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                bytes.begin() + static_cast<std::ptrdiff_t>(begin) + skip);
    const std::size_t size = std::min(bytes.size() - begin, room);
    bytes.resize(begin + size);
    to.batch.items.emplace_back(ArchivedData{to.cursor.offset, begin, size, time_of(record.head.time_ns)});
    to.cursor.offset += size;
    return {};
}

}  // namespace vserd::archive
