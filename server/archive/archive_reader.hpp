#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "archive/index_file.hpp"
#include "archive/packing.hpp"
#include "archive/segment_data.hpp"
#include "base/result.hpp"
#include "log/byte_log_items.hpp"

namespace vserd::archive {

/// Bytes of the port from `offset` on. They are in ReadBatch::bytes.
struct ArchivedData {
    std::uint64_t offset = 0;
    std::size_t begin = 0;
    std::size_t size = 0;
    log::WallTime received;  ///< the last byte of the span that they were archived with
};

struct ArchivedGap {
    log::GapItem gap;
    std::string reason;
};

/// The moment of an event is by the system's clock; its boot time is before_this_boot.
using ArchivedItem = std::variant<ArchivedData, log::EventItem, ArchivedGap>;

struct ReadBatch {
    Bytes bytes;
    std::vector<ArchivedItem> items;
    bool at_end = false;  ///< there is no more at present

    ByteView of(const ArchivedData& data) const { return ByteView(bytes).subspan(data.begin, data.size); }
};

inline constexpr std::size_t batch_items_max = 1024;

/// Reads the archive of one port, while a writer appends, segments are sealed and retention removes them. Damaged, removed and
/// foreign parts are gaps. Holds two open files; calls may block on the disk. One thread at a time.
class ArchiveReader {
public:
    /// `log_id`: segments of other logs are gaps; empty: segments of all logs are read.
    explicit ArchiveReader(std::string port_directory, std::string log_id = {});

    /// The first position that is still kept; {0, 0} if there is none.
    Result<log::Cursor> oldest();
    /// Where the archive ends.
    Result<log::Cursor> next();
    /// Just before the byte at `offset`, and before the events there.
    Result<log::Cursor> at_offset(std::uint64_t offset);
    /// At the first record whose time is `time` or later: nothing received at or after `time` is before it. After the clock was
    /// ahead, it finds what was received then.
    Result<log::Cursor> at_time(log::WallTime time);

    /// Reads on from `cursor`, which moves behind the items: at most `bytes_max` bytes (at least 1) and batch_items_max items.
    /// The memory of `batch` is reused. Errors are temporary, such as too many open files; the cursor is where the batch ends.
    Result<void> read(log::Cursor& cursor, std::size_t bytes_max, ReadBatch& batch);

private:
    struct Segment {
        std::uint64_t base;
        IndexFile index;
        std::optional<SegmentData> data;
        std::string data_problem;  // why there are none
        std::uint64_t unit = 0;    // next to read
    };
    struct Reading {
        log::Cursor& cursor;
        std::size_t bytes_max;
        ReadBatch& batch;
    };

    Result<void> list();
    Result<bool> open_from(std::size_t place);
    Result<bool> open_segment(std::uint64_t base);
    Result<bool> open_backwards(std::size_t places);
    Result<void> seek(const log::Cursor& cursor);
    Result<std::optional<Record>> next_record();
    Result<bool> next_segment();
    Result<std::size_t> segments_before(std::int64_t time_ns);
    Result<log::Cursor> head_of_next(std::size_t place);
    Result<void> end_batch(const Reading& to);
    Result<void> open_data();
    Result<void> consume(const Record& record, const Reading& to);
    Result<void> read_data(const Record& record, const Reading& to);
    Result<std::string> append_span(const IndexRecord& span, Bytes& bytes);
    void add_gap(const Reading& to, log::Cursor end, const std::string& reason);

    std::string directory_;
    std::string log_id_;
    std::vector<std::uint64_t> bases_;
    std::optional<Segment> segment_;
    std::optional<log::Cursor> at_;  // where segment_->unit is
    std::string hole_reason_;        // of the next gap between records
};

}  // namespace vserd::archive
