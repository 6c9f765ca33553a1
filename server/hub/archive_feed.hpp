#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "archive/recording.hpp"
#include "base/lazy_deque.hpp"
#include "hub/archive_counts.hpp"
#include "log/byte_log.hpp"
#include "port/stats.hpp"
#include "port/worker_pool.hpp"

namespace vserd::hub {

class ArchiveWriter;

/// One port's way into the archive: a cursor in the byte log. The log does not wait for it: what it overtakes is a gap in the archive.
/// Owned by the channel, whose log outlives it. Io thread only.
class ArchiveFeed
    : public std::enable_shared_from_this<ArchiveFeed>,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    ArchiveFeed(ArchiveWriter& writer, std::shared_ptr<archive::Recording> recording, const log::ByteLog& log,
                std::shared_ptr<port::PortStats> stats);

    /// Bytes or an event were added to the log.
    void appended() {
        if (!is_linked() || log_.next_offset() >= hurry_offset_) mark();
    }
    /// Whether what is sent to the device is archived too. For that, times are more exact.
    void set_records_sent(bool on) noexcept { records_sent_ = on; }
    bool records_sent() const noexcept { return records_sent_; }
    /// Where the archive of what is sent goes on.
    std::uint64_t sent_next() const noexcept { return sent_next_; }
    /// Bytes were written to the device, by a write that began then. More than the disk takes are lost, which the metrics count.
    void sent(std::uint64_t offset, std::span<const std::byte> bytes, log::WallTime begun);
    /// Archives the rest. `exact`: the log ends here, so nothing stays reserved. Nothing may be appended afterwards. `done` is
    /// called even if the disk fails, but not after this was destroyed.
    void finish(bool exact, std::function<void()> done);
    /// The port's directory in the archive.
    const std::string& path() const noexcept { return recording_->path(); }
    /// Changes when the archive has more.
    std::uint64_t growth() const noexcept { return growth_; }
    /// What follows the archive's end is on its way there.
    bool is_writing() const noexcept { return writing_; }
    /// Called when is_writing() has become false.
    void on_written(std::function<void()> hook) { written_hook_ = std::move(hook); }
    port::WorkerPool& workers() const noexcept;
    ArchiveErrors& errors() const noexcept;

private:
    friend class ArchiveWriter;
    void mark();
    bool hurries() const noexcept;
    archive::Batch take(std::size_t bytes_max);
    void drop_archived_sent(std::uint64_t next);
    void written(const archive::Recorded& recorded);
    void note_result(const Result<void>& result);
    void note_hung(const Error& hangs);
    void stop_writing();
    void end_if_done(bool failed);
    bool is_done() const;

    ArchiveWriter& writer_;
    const std::shared_ptr<archive::Recording> recording_;
    const log::ByteLog& log_;
    const std::shared_ptr<port::PortStats> stats_;
    log::Cursor cursor_;
    log::Cursor archived_;
    archive::Reservation reserved_;
    std::uint64_t hurry_offset_ = 0;  ///< from here on the round does not wait for its time
    bool failing_ = false;            ///< the last write failed
    bool unsynced_ = false;
    bool exact_ = false;
    bool final_ = false;  ///< the last batch was taken after finish()
    bool writing_ = false;
    bool records_sent_ = false;
    base::LazyDeque<archive::Sent, 8> sent_;  ///< not archived yet
    std::size_t sent_bytes_ = 0;              ///< in them
    std::uint64_t sent_next_ = 0;
    std::uint64_t growth_ = 0;
    std::function<void()> written_hook_;
    std::function<void()> done_;  ///< finish() was called
};

}  // namespace vserd::hub
