#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/segment_writer.hpp"
#include "base/result.hpp"
#include "log/byte_log_items.hpp"

namespace vserd::archive {

struct ArchiveOptions {
    std::string directory;  ///< of the archive; each port has a directory in it
    std::string port;
    std::string log_id;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20U;  ///< of the device's bytes; at most segment_bytes_max
    std::chrono::nanoseconds segment_age = std::chrono::hours{24};  ///< so that quiet ports have segments to remove too
    bool of_sent = false;  ///< in the port's directory for what is sent to the device
};

inline constexpr std::uint64_t segment_bytes_max = std::uint64_t{1} << 30U;
inline constexpr std::chrono::seconds span_age_default{1};

/// What was not archived since open(). The archive has a gap for all of it.
struct ArchiveLosses {
    std::uint64_t bytes = 0;
    std::uint64_t events = 0;
    std::uint64_t unused_offsets = 0;  ///< see note_unused()
};

/// Appends the items of one port's byte log to its segments. Calls may block on the disk. One thread at a time; readers,
/// seal_segment() and retention need no coordination with it.
///
/// A failed call may have archived a part of its item: next() says up to where. Skip what is lost and call again later: an
/// item that does not begin at next() is preceded by a gap record with the reason of the last failure.
class PortArchive {
public:
    /// Repairs the last segment if it was interrupted, and removes unfinished files. Does not create anything: the first
    /// append does. Failure::unsupported: a later version of vserd wrote the last segment; it is left alone.
    static Result<PortArchive> open(ArchiveOptions options);

    /// Before the first append: the log whose items follow. Segments of other logs stay as they are.
    void set_log_id(std::string log_id) { options_.log_id = std::move(log_id); }
    /// The most between the first and the last byte of a span, which have one time: 1 s, unless it was set.
    void set_span_age(std::chrono::nanoseconds age) noexcept { span_ns_max_ = age.count(); }

    /// The process before ended without saying where. The log continues at `offset`, and hardly any of the offsets before it
    /// were given to bytes.
    void note_unused(std::uint64_t offset) noexcept { unused_to_ = offset; }

    /// Data may begin before next() only if nothing of it does: Failure::invalid_argument otherwise.
    Result<void> append(const log::Item& item);
    Result<void> append_data(std::uint64_t offset, ByteView bytes, log::WallTime received);
    Result<void> append_event(const log::EventItem& event);
    /// `noticed`: when the loss was noticed.
    Result<void> append_gap(const log::GapItem& gap, std::string_view reason,
                            log::WallTime noticed = log::Moment::now().wall);

    /// Lets readers see all that was appended: data wait for it at most until their span has 64 KiB or 1 s.
    Result<void> flush();
    /// flush(), and makes everything durable. After a failure the next append begins a new segment.
    Result<void> sync();

    /// Where the next item should begin.
    log::Cursor next() const noexcept { return next_; }
    /// The first byte that is not yet durable.
    std::uint64_t synced_offset() const noexcept { return synced_offset_; }
    std::uint64_t unsynced_bytes() const noexcept { return next_.offset - synced_offset_; }
    const ArchiveLosses& losses() const noexcept { return losses_; }
    const TailRepair& repair() const noexcept { return repair_; }
    const std::string& path() const noexcept { return path_; }

    /// The base offsets of full segments that are not sealed yet, for seal_segment().
    Result<std::vector<std::uint64_t>> unsealed() const;

private:
    struct Span {  // data that are written but not indexed
        std::uint32_t length = 0;
        std::uint32_t crc = 0;
        std::int64_t first_ns = 0;
        std::int64_t last_ns = 0;
    };

    explicit PortArchive(ArchiveOptions options);
    Result<void> find_last_segment();
    Result<void> resume_segment(std::uint64_t base);
    Result<void> continue_after_sealed(const std::string& path);
    void continue_after(const IndexHeader& header, log::Cursor end, std::int64_t latest_ns);
    Result<void> ensure_segment(std::int64_t now_ns);
    bool is_full(std::int64_t now_ns) const noexcept;
    Result<void> begin_segment(std::int64_t now_ns);
    Result<void> remove_empty_segment();
    Result<void> cover_hole(log::Cursor from, std::int64_t now_ns);
    Result<void> put_gap(log::Cursor to, std::string_view reason, std::int64_t now_ns);
    Result<void> write_piece(ByteView bytes, std::int64_t time_ns);
    Result<void> failed(Error error);

    ArchiveOptions options_;
    std::string path_;
    std::optional<SegmentWriter> segment_;
    std::int64_t segment_began_ns_ = 0;
    std::int64_t span_ns_max_ = std::chrono::nanoseconds(span_age_default).count();
    Span span_;
    log::Cursor next_;
    std::uint64_t synced_offset_ = 0;
    std::int64_t latest_ns_ = 0;
    std::string loss_reason_;
    std::uint64_t unused_to_ = 0;
    ArchiveLosses losses_;
    TailRepair repair_;
};

}  // namespace vserd::archive
