#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "archive/check.hpp"
#include "archive/files.hpp"
#include "archive/index_file.hpp"
#include "archive/names.hpp"
#include "archive/reservation.hpp"
#include "archive/seal.hpp"
#include "archive/segment_walk.hpp"
#include "archive/segment_writer.hpp"

namespace vserd::archive {
namespace {

Result<void> move_aside(const std::string& path) {
    if (!exists(path)) return {};
    return rename_file(path, path + std::string(damaged_suffix));
}

Result<void> move_segment_aside(const std::string& port_directory, std::uint64_t base) {
    const SegmentPaths paths(port_directory, base);
    for (const std::string* path : {&paths.log, &paths.sealed, &paths.index})
        if (auto moved = move_aside(*path); !moved) return moved;
    return {};
}

/// The units of an index, in which damage becomes a gap.
class MendedIndex {
public:
    MendedIndex(const IndexHeader& header, std::uint32_t seed)
        : seed_(seed), end_(header.base), latest_ns_(header.latest_ns) {}

    void add(const WalkStep& step) {
        mended_ = mended_ || step.record == nullptr;
        if (step.record == nullptr) {
            if (problem_.empty()) problem_ = step.problem;
            return;
        }
        add_gap(step.from);
        IndexRecord head = step.record->head;
        position_ = head.position + (head.kind == RecordKind::data ? head.length : 0);
        append(head, step.record->payload, step.to);
    }
    void finish(const log::Cursor& end) { add_gap(end); }

    bool is_mended() const noexcept { return mended_; }
    ByteView units() const noexcept { return units_; }

private:
    void add_gap(const log::Cursor& to) {
        if (to == end_) return;
        IndexRecord gap;
        gap.at = end_;
        gap.kind = RecordKind::gap;
        gap.time_ns = latest_ns_;
        gap.latest_ns = latest_ns_;
        gap.position = position_;
        append(gap, packed(GapPayload{to.offset, to.event - end_.event, problem_ + "; repaired"}), to);
        problem_.clear();
    }
    void append(const IndexRecord& record, ByteView payload, const log::Cursor& end) {
        const Bytes units = packed_units(record, payload, seed_, units_.size() / index_unit_bytes);
        units_.insert(units_.end(), units.begin(), units.end());
        latest_ns_ = std::max(latest_ns_, record.latest_ns);
        end_ = end;
    }

    std::uint32_t seed_;
    log::Cursor end_;
    std::int64_t latest_ns_;
    std::uint32_t position_ = 0;
    Bytes units_;
    std::string problem_;
    bool mended_ = false;
};

/// Replaces the units and keeps the header, on which their checksums depend.
Result<void> replace_units(const std::string& path, ByteView units) {
    const std::string temporary = path + std::string(temporary_suffix);
    Bytes header(index_header_bytes);
    {
        const auto present = open_file(path, O_RDONLY);
        if (!present) return present.error();
        if (auto got = read_at(*present, header, 0, path); !got) return got.error();
    }
    const auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file) return file.error();
    if (auto written = write_at(*file, header, 0, temporary); !written) return written;
    if (auto written = write_at(*file, units, index_header_bytes, temporary); !written) return written;
    if (auto synced = sync_data(*file, temporary); !synced) return synced;
    return rename_file(temporary, path);
}

Result<void> mend_segment(const std::string& port_directory, std::uint64_t base) {
    const std::string path = SegmentPaths(port_directory, base).index;
    auto index = IndexFile::open(path);
    if (!index && index.error().failure != Failure::invalid_argument) return index.error();
    if (!index || index->header().base.offset != base) return move_segment_aside(port_directory, base);
    MendedIndex mended(index->header(), index->seed());
    log::Cursor end = index->header().base;
    auto walked = walk_segment(port_directory, *index, [&](const WalkStep& step) {
        mended.add(step);
        end = step.to;
    });
    if (!walked) return walked;
    mended.finish(end);
    if (!mended.is_mended()) return {};
    return replace_units(path, mended.units());
}

Result<void> move_orphans_aside(const std::string& port_directory) {
    const auto names = names_in(port_directory);
    if (!names) return names.error();
    for (const std::string& name : *names) {
        const auto log_base = base_in(name, log_suffix);
        const auto base = log_base ? log_base : base_in(name, sealed_suffix);
        if (!base || exists(SegmentPaths(port_directory, *base).index)) continue;
        if (auto moved = move_aside(path_in(port_directory, name)); !moved) return moved;
    }
    return {};
}

/// The daemon cuts the last segment in the same way when it starts.
Result<void> cut_last_segment(const std::string& port_directory) {
    const auto bases = segment_bases(port_directory);
    if (!bases) return bases.error();
    if (bases->empty() || !exists(SegmentPaths(port_directory, bases->back()).log)) return {};
    const auto resumed = SegmentWriter::resume(port_directory, bases->back());
    if (!resumed && resumed.error().failure != Failure::invalid_argument) return resumed.error();
    return {};
}

Result<void> repair_files(const std::string& port_directory) {
    if (auto removed = remove_unfinished(port_directory); !removed) return removed;
    if (auto cut = cut_last_segment(port_directory); !cut) return cut;
    const auto bases = segment_bases(port_directory);
    if (!bases) return bases.error();
    for (const std::uint64_t base : *bases)
        if (auto mended = mend_segment(port_directory, base); !mended) return mended;
    if (auto moved = move_orphans_aside(port_directory); !moved) return moved;
    const auto reservation = OffsetReservation::open(port_directory);
    if (!reservation && reservation.error().failure == Failure::invalid_argument)
        if (auto moved = move_aside(path_in(port_directory, reservation_name)); !moved) return moved;
    return sync_directory(port_directory);
}

}  // namespace

Result<VerifyReport> repair_port(const std::string& port_directory) {
    auto report = verify_port(port_directory);
    if (!report || report->findings.empty()) return report;
    if (auto repaired = repair_files(port_directory); !repaired) return repaired.error();
    return report;
}

}  // namespace vserd::archive
