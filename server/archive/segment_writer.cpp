#include "archive/segment_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "archive/crc32c.hpp"
#include "archive/files.hpp"

namespace vserd::archive {
namespace {

bool is_deleted(const base::Fd& file) noexcept {
    struct stat status {};
    return ::fstat(file.get(), &status) == 0 && status.st_nlink == 0;
}

std::string directory_of(const SegmentPaths& paths) { return paths.log.substr(0, paths.log.find_last_of('/')); }

}  // namespace

Result<SegmentWriter> SegmentWriter::create(const std::string& port_directory, const IndexHeader& header) {
    SegmentWriter writer(SegmentPaths(port_directory, header.base.offset));
    auto bytes = packed(header);
    if (!bytes) return bytes.error();
    if (auto created = writer.create_files(); !created) return created.error();
    // Durable before anything else is, so that a power loss leaves a segment that knows where it begins.
    auto written = write_at(writer.index_, *bytes, 0, writer.paths_.index);
    if (written) written = writer.sync();
    if (!written) {
        remove_file(writer.paths_.index);
        return written.error();
    }
    writer.header_ = header;
    writer.seed_ = header_checksum(*bytes);
    writer.end_ = header.base;
    writer.latest_ns_ = header.latest_ns;
    return writer;
}

/// A log without an index holds bytes that nothing vouches for; if there are any, an operator may still want them.
Result<void> SegmentWriter::create_files() {
    auto log = open_file(paths_.log, O_RDWR | O_CREAT);
    if (!log) return log.error();
    const auto left = size_of(*log, paths_.log);
    if (!left) return left.error();
    if (*left > 0) {
        const auto moved = rename_file(paths_.log, paths_.log + std::string(damaged_suffix));
        if (!moved) return moved.error();
        log = open_file(paths_.log, O_RDWR | O_CREAT | O_EXCL);
        if (!log) return log.error();
    }
    auto index = open_file(paths_.index, O_RDWR | O_CREAT | O_EXCL);
    if (!index) return index.error();
    log_ = std::move(*log);
    index_ = std::move(*index);
    return {};
}

Result<SegmentWriter> SegmentWriter::resume(const std::string& port_directory, std::uint64_t base) {
    SegmentWriter writer(SegmentPaths(port_directory, base));
    auto index = IndexFile::open(writer.paths_.index);
    if (!index) return index.error();
    auto log_file = open_file(writer.paths_.log, O_RDWR | O_CREAT);
    if (!log_file) return log_file.error();
    auto index_file = open_file(writer.paths_.index, O_RDWR);
    if (!index_file) return index_file.error();
    writer.log_ = std::move(*log_file);
    writer.index_ = std::move(*index_file);
    writer.header_ = index->header();
    writer.seed_ = index->seed();
    if (auto found = writer.find_end(*index); !found) return found.error();
    if (auto cut = writer.cut_tail(); !cut) return cut.error();
    return writer;
}

/// Steps back from the last record. Damage further ahead is for readers to report.
Result<void> SegmentWriter::find_end(IndexFile& index) {
    const auto units = index.units();
    if (!units) return units.error();
    end_ = header_.base;
    latest_ns_ = header_.latest_ns;
    for (std::uint64_t end = *units; end > 0;) {
        const auto place = index.last(end);
        if (!place) return place.error();
        if (!*place) break;
        const Record& record = (*place)->record;
        const auto right = is_right(record);
        if (!right) return right.error();
        end = (*place)->unit;
        if (!*right) continue;
        units_ = end + record.head.units;
        indexed_bytes_ = record.head.position + (record.head.kind == RecordKind::data ? record.head.length : 0);
        end_ = record.end;
        latest_ns_ = record.head.latest_ns;
        break;
    }
    log_bytes_ = indexed_bytes_;
    return {};
}

Result<bool> SegmentWriter::is_right(const Record& record) const {
    if (record.end.offset < header_.base.offset) return false;
    if (record.head.kind != RecordKind::data) {
        const auto bytes = size_of(log_, paths_.log);
        if (!bytes) return bytes.error();
        return record.head.position <= *bytes;
    }
    Bytes bytes(record.head.length);
    const auto got = read_at(log_, bytes, record.head.position, paths_.log);
    if (!got) return got.error();
    return *got == bytes.size() && crc32c(bytes) == record.head.crc;
}

Result<void> SegmentWriter::cut_tail() {
    const auto index_size = size_of(index_, paths_.index);
    if (!index_size) return index_size.error();
    const auto log_size = size_of(log_, paths_.log);
    if (!log_size) return log_size.error();
    repair_ = {*index_size - std::min(*index_size, index_bytes()), *log_size - std::min(*log_size, log_bytes_)};
    if (!repair_.cut_anything()) return {};
    // The index first: a record must never point past the end of the log.
    if (auto cut = truncate(index_, index_bytes(), paths_.index); !cut) return cut;
    if (auto cut = truncate(log_, log_bytes_, paths_.log); !cut) return cut;
    return sync();
}

Result<void> SegmentWriter::write(ByteView bytes) {
    if (auto written = write_at(log_, bytes, log_bytes_, paths_.log); !written) return written;
    log_bytes_ += bytes.size();
    return {};
}

Result<void> SegmentWriter::put(IndexRecord record, ByteView payload, log::Cursor end) {
    record.at = end_;
    record.latest_ns = std::max(latest_ns_, record.time_ns);
    record.position = static_cast<std::uint32_t>(indexed_bytes_);
    const Bytes units = packed_units(record, payload, seed_, units_);
    if (auto written = write_at(index_, units, index_bytes(), paths_.index); !written) return written;
    units_ += units.size() / index_unit_bytes;
    if (record.kind == RecordKind::data) indexed_bytes_ += record.length;
    latest_ns_ = record.latest_ns;
    end_ = end;
    return {};
}

Result<void> SegmentWriter::sync() {
    if (is_deleted(log_) || is_deleted(index_)) return errno_error(paths_.index + " was deleted", ENOENT);
    if (auto synced = sync_data(log_, paths_.log); !synced) return synced;
    if (auto synced = sync_data(index_, paths_.index); !synced) return synced;
    if (names_durable_) return {};
    if (auto synced = sync_directory(directory_of(paths_)); !synced) return synced;
    names_durable_ = true;
    return {};
}

}  // namespace vserd::archive
