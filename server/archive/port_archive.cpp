#include "archive/port_archive.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "archive/crc32c.hpp"
#include "archive/event_codec.hpp"
#include "archive/files.hpp"
#include "archive/seal.hpp"
#include "archive/times.hpp"

namespace vserd::archive {
namespace {

constexpr std::uint64_t index_bytes_full = std::uint64_t{16} << 20U;
/// For a segment that cannot end, because no byte has arrived since it began.
constexpr std::uint64_t index_bytes_max = 4 * index_bytes_full;
constexpr std::string_view overtaken = "overwritten in memory before they were archived";
constexpr std::string_view not_archived = "not archived";
constexpr std::string_view unused =
    "vserd or the machine was interrupted; few bytes are missing, the other offsets were not used";

Error before_next(const std::string& what, std::uint64_t next) {
    return {Failure::invalid_argument, 0, "offset",
            what + " before offset " + std::to_string(next) + ", up to which the port is archived already"};
}

}  // namespace

PortArchive::PortArchive(ArchiveOptions options)
    : options_(std::move(options)), path_(port_path(options_.directory, options_.port)) {
    if (options_.of_sent) path_ = path_in(path_, sent_name);
    options_.segment_bytes = std::clamp<std::uint64_t>(options_.segment_bytes, 1, segment_bytes_max);
}

Result<PortArchive> PortArchive::open(ArchiveOptions options) {
    PortArchive archive(std::move(options));
    if (auto removed = remove_unfinished(archive.path_); !removed) return removed.error();
    if (auto found = archive.find_last_segment(); !found) return found.error();
    return archive;
}

/// A segment whose header is damaged is moved aside: nothing in it can be checked.
Result<void> PortArchive::find_last_segment() {
    auto bases = segment_bases(path_);
    if (!bases) return bases.error();
    for (auto base = bases->rbegin(); base != bases->rend(); ++base) {
        auto resumed = resume_segment(*base);
        if (resumed || resumed.error().failure != Failure::invalid_argument) return resumed;
        const SegmentPaths paths(path_, *base);
        const std::string suffix(damaged_suffix);
        if (auto moved = rename_file(paths.index, paths.index + suffix); !moved) return moved;
        if (exists(paths.log))
            if (auto moved = rename_file(paths.log, paths.log + suffix); !moved) return moved;
        repair_.index_bytes_cut += index_header_bytes;
    }
    return {};
}

Result<void> PortArchive::resume_segment(std::uint64_t base) {
    const SegmentPaths paths(path_, base);
    if (exists(paths.sealed) && !exists(paths.log)) return continue_after_sealed(paths.index);
    auto segment = SegmentWriter::resume(path_, base);
    if (!segment) return segment.error();
    repair_.index_bytes_cut += segment->repair().index_bytes_cut;
    repair_.log_bytes_cut += segment->repair().log_bytes_cut;
    continue_after(segment->header(), segment->end(), segment->latest_ns());
    if (segment->header().log_id == options_.log_id) segment_ = std::move(*segment);
    return {};
}

Result<void> PortArchive::continue_after_sealed(const std::string& path) {
    auto index = IndexFile::open(path);
    if (!index) return index.error();
    const auto last = index->last();
    if (!last) return last.error();
    if (*last)
        continue_after(index->header(), (*last)->record.end, (*last)->record.head.latest_ns);
    else
        continue_after(index->header(), index->header().base, index->header().latest_ns);
    synced_offset_ = next_.offset;
    return {};
}

/// Offsets continue in another log, but its events have their own numbers.
void PortArchive::continue_after(const IndexHeader& header, log::Cursor end, std::int64_t latest_ns) {
    next_ = {end.offset, header.log_id == options_.log_id ? end.event : 0};
    latest_ns_ = latest_ns;
    segment_began_ns_ = header.created_ns;
    synced_offset_ = header.base.offset;
}

Result<void> PortArchive::append(const log::Item& item) {
    if (const auto* event = std::get_if<log::EventItem>(&item)) return append_event(*event);
    if (const auto* gap = std::get_if<log::GapItem>(&item)) return append_gap(*gap, overtaken);
    const auto& data = std::get<log::DataItem>(item);
    std::uint64_t offset = data.offset;
    for (const log::Slice& slice : data.slices) {
        if (auto appended = append_data(offset, {slice.data, slice.size}, data.received.wall); !appended)
            return appended;
        offset += slice.size;
    }
    return {};
}

Result<void> PortArchive::append_data(std::uint64_t offset, ByteView bytes, log::WallTime received) {
    if (offset < next_.offset) return before_next("the data begin", next_.offset);
    const std::int64_t time_ns = ns_of(received);
    if (auto covered = cover_hole({offset, next_.event}, time_ns); !covered) return covered;
    while (!bytes.empty()) {
        if (auto ready = ensure_segment(time_ns); !ready) return ready;
        const std::uint64_t room = options_.segment_bytes - std::min(options_.segment_bytes, segment_->log_bytes());
        const auto size =
            static_cast<std::size_t>(std::min({std::uint64_t{bytes.size()}, std::max<std::uint64_t>(room, 1),
                                               std::uint64_t{span_bytes_max - span_.length}}));
        if (auto written = write_piece(bytes.first(size), time_ns); !written) return written;
        bytes = bytes.subspan(size);
    }
    return {};
}

/// Requires room in the span.
Result<void> PortArchive::write_piece(ByteView bytes, std::int64_t time_ns) {
    if (auto written = segment_->write(bytes); !written) return failed(written.error());
    if (span_.length == 0) span_.first_ns = time_ns;
    span_.crc = crc32c(bytes, span_.crc);
    span_.length += static_cast<std::uint32_t>(bytes.size());
    span_.last_ns = time_ns;
    next_.offset += bytes.size();
    return span_.length == span_bytes_max ? flush() : Result<void>{};
}

Result<void> PortArchive::append_event(const log::EventItem& event) {
    if (event.number == 0)
        return Error{Failure::invalid_argument, 0, "number", "an event without a number is not archived"};
    const log::Cursor at{event.offset, event.number - 1};
    if (at.offset < next_.offset || at.event < next_.event) return before_next("the event is", next_.offset);
    const std::int64_t time_ns = ns_of(event.at.wall);
    if (auto covered = cover_hole(at, time_ns); !covered) return covered;
    if (auto flushed = flush(); !flushed) return flushed;
    if (auto ready = ensure_segment(time_ns); !ready) return ready;
    const IndexRecord record{.time_ns = time_ns, .kind = RecordKind::event};
    const log::Cursor end{at.offset, event.number};
    if (auto put = segment_->put(record, packed(event.event), end); !put) return failed(put.error());
    next_ = end;
    latest_ns_ = segment_->latest_ns();
    return {};
}

Result<void> PortArchive::append_gap(const log::GapItem& gap, std::string_view reason, log::WallTime noticed) {
    if (gap.to < next_.offset) return before_next("the gap ends", next_.offset);
    const std::int64_t now_ns = ns_of(noticed);
    if (gap.from > next_.offset)
        if (auto covered = cover_hole({gap.from, next_.event}, now_ns); !covered) return covered;
    return put_gap({gap.to, next_.event + gap.events_lost}, reason, now_ns);
}

/// The item before the present one failed, or its caller skipped some.
Result<void> PortArchive::cover_hole(log::Cursor from, std::int64_t now_ns) {
    return put_gap(from, loss_reason_.empty() ? std::string(not_archived) : loss_reason_, now_ns);
}

Result<void> PortArchive::put_gap(log::Cursor to, std::string_view reason, std::int64_t now_ns) {
    if (to == next_) return {};
    if (auto flushed = flush(); !flushed) return flushed;
    if (auto ready = ensure_segment(now_ns); !ready) return ready;
    const std::uint64_t unused_offsets = std::min(to.offset, std::max(next_.offset, unused_to_)) - next_.offset;
    const GapPayload gap{to.offset, to.event - next_.event, std::string(unused_offsets > 0 ? unused : reason)};
    const IndexRecord record{.time_ns = now_ns, .kind = RecordKind::gap};
    if (auto put = segment_->put(record, packed(gap), to); !put) return failed(put.error());
    losses_.bytes += to.offset - next_.offset - unused_offsets;
    losses_.unused_offsets += unused_offsets;
    losses_.events += gap.events;
    next_ = to;
    latest_ns_ = segment_->latest_ns();
    loss_reason_.clear();
    return {};
}

Result<void> PortArchive::flush() {
    if (span_.length == 0) return {};
    const IndexRecord record{
        .time_ns = span_.last_ns, .length = span_.length, .crc = span_.crc, .kind = RecordKind::data};
    const log::Cursor end{segment_->end().offset + span_.length, segment_->end().event};
    if (auto put = segment_->put(record, {}, end); !put) return failed(put.error());
    latest_ns_ = segment_->latest_ns();
    span_ = {};
    return {};
}

/// After a failed fdatasync the kernel may report that lost pages are clean, so nothing more is written to this segment, unless
/// it is empty: the next one would have its name.
Result<void> PortArchive::sync() {
    if (auto flushed = flush(); !flushed) return flushed;
    if (!segment_) {  // the present one begins with the next append, and nothing can be done for the ones before
        synced_offset_ = next_.offset;
        return {};
    }
    auto synced = segment_->sync();
    if (synced) {
        synced_offset_ = next_.offset;
        return {};
    }
    const bool deleted = synced.error().errno_value == ENOENT;
    if (deleted || next_.offset > segment_->header().base.offset) {
        losses_.bytes += unsynced_bytes();  // nobody knows which of them the disk has
        synced_offset_ = next_.offset;
        segment_.reset();
    }
    return failed(synced.error());
}

/// Ends the span and the segment if they are full, and begins a segment if there is none.
Result<void> PortArchive::ensure_segment(std::int64_t now_ns) {
    const bool span_ends =
        span_.length == span_bytes_max || now_ns < span_.last_ns || now_ns - span_.first_ns >= span_ns_max_;
    if (span_.length > 0 && (span_ends || is_full(now_ns)))
        if (auto flushed = flush(); !flushed) return flushed;
    if (segment_ && is_full(now_ns)) {
        // Only the last segment is ever repaired, so this one must be durable before the next one exists.
        if (auto synced = sync(); !synced) return synced;
        segment_.reset();
    }
    if (segment_ && segment_->index_bytes() >= index_bytes_max)
        return failed({Failure::exhausted, 0, "events", "too many events without a byte between them"});
    return segment_ ? Result<void>{} : begin_segment(now_ns);
}

/// The next segment is named after next_, so this one must have led somewhere.
bool PortArchive::is_full(std::int64_t now_ns) const noexcept {
    return segment_ && next_.offset > segment_->header().base.offset &&
           (segment_->log_bytes() >= options_.segment_bytes || segment_->index_bytes() >= index_bytes_full ||
            now_ns - segment_began_ns_ >= options_.segment_age.count());
}

Result<void> PortArchive::begin_segment(std::int64_t now_ns) {
    if (auto made = make_directory(path_, options_.of_sent ? DirectoryUse::secret : DirectoryUse::shared); !made)
        return failed(made.error());
    const IndexHeader header{options_.log_id, options_.port, next_, latest_ns_, now_ns};
    if (exists(SegmentPaths(path_, next_.offset).index))
        if (auto removed = remove_empty_segment(); !removed) return failed(removed.error());
    auto segment = SegmentWriter::create(path_, header);
    if (!segment) return failed(segment.error());
    segment_ = std::move(*segment);
    segment_began_ns_ = now_ns;
    return {};
}

/// A segment that has the name of the next one has no bytes: it is of another log, or one of its files was removed.
Result<void> PortArchive::remove_empty_segment() {
    const SegmentPaths paths(path_, next_.offset);
    if (auto removed = remove_file(paths.log); !removed) return removed;
    return remove_file(paths.index);
}

Result<void> PortArchive::failed(Error error) {
    loss_reason_ = error.message;
    return error;
}

Result<std::vector<std::uint64_t>> PortArchive::unsealed() const {
    auto names = names_in(path_);
    if (!names && names.error().errno_value == ENOENT) return std::vector<std::uint64_t>{};
    if (!names) return names.error();
    const std::uint64_t active = segment_ ? segment_->header().base.offset : next_.offset;
    std::vector<std::uint64_t> bases;
    for (const std::string& name : *names)
        if (const auto base = base_in(name, log_suffix); base && *base < active) bases.push_back(*base);
    return bases;
}

}  // namespace vserd::archive
