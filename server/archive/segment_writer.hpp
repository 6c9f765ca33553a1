#pragma once

#include <cstdint>
#include <string>

#include "archive/index_file.hpp"
#include "archive/index_format.hpp"
#include "archive/names.hpp"
#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::archive {

/// What resuming a segment removed: an interrupted write, or what a power loss left.
struct TailRepair {
    std::uint64_t index_bytes_cut = 0;
    std::uint64_t log_bytes_cut = 0;

    bool cut_anything() const noexcept { return index_bytes_cut > 0 || log_bytes_cut > 0; }
};

/// The two files of the segment that is being written. A call that fails changes nothing: what it wrote is not counted, and
/// the next call writes over it.
class SegmentWriter {
public:
    /// Creates the files. The header's base decides their names.
    static Result<SegmentWriter> create(const std::string& port_directory, const IndexHeader& header);
    /// Continues after the last record that is right in all its checksums; removes what follows it. Failure::invalid_argument:
    /// the index has no valid header.
    static Result<SegmentWriter> resume(const std::string& port_directory, std::uint64_t base);

    const IndexHeader& header() const noexcept { return header_; }
    const TailRepair& repair() const noexcept { return repair_; }
    log::Cursor end() const noexcept { return end_; }
    std::int64_t latest_ns() const noexcept { return latest_ns_; }
    std::uint64_t log_bytes() const noexcept { return log_bytes_; }  ///< including those that put() has not indexed
    std::uint64_t index_bytes() const noexcept { return index_header_bytes + units_ * index_unit_bytes; }

    /// Writes bytes that follow the last ones. They count once put() has indexed them.
    Result<void> write(ByteView bytes);
    /// Appends a record that leads to `end`. Its times and its position are filled in.
    Result<void> put(IndexRecord record, ByteView payload, log::Cursor end);
    /// Makes everything durable: the bytes first, then the index. Fails if the files were deleted.
    Result<void> sync();

private:
    explicit SegmentWriter(SegmentPaths paths) : paths_(std::move(paths)) {}
    Result<void> create_files();
    Result<bool> is_right(const Record& record) const;
    Result<void> find_end(IndexFile& index);
    Result<void> cut_tail();

    SegmentPaths paths_;
    base::Fd log_;
    base::Fd index_;
    IndexHeader header_;
    std::uint32_t seed_ = 0;
    std::uint64_t units_ = 0;
    std::uint64_t log_bytes_ = 0;
    std::uint64_t indexed_bytes_ = 0;  // of the log
    log::Cursor end_;
    std::int64_t latest_ns_ = 0;
    TailRepair repair_;
    bool names_durable_ = false;
};

}  // namespace vserd::archive
