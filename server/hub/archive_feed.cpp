#include "hub/archive_feed.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "hub/archive_writer.hpp"

namespace vserd::hub {
namespace {

constexpr std::uint64_t hurry_bytes = std::uint64_t{64} << 10U;
/// What waits for the disk of what was sent: beyond that, it is lost for the archive.
constexpr std::size_t sent_bytes_max = std::size_t{256} << 10U;
constexpr std::size_t sent_pieces_max = 4096;
/// Bytes that follow each other sooner have one time.
constexpr std::chrono::milliseconds sent_piece_age{1};
constexpr std::size_t sent_piece_bytes_max = 4096;
/// A write that took longer was held up, and has the time of its end.
constexpr std::chrono::milliseconds prompt_write{50};

/// The answer to a write may be received before the engine reports that write, so the time of a prompt one is its beginning.
log::WallTime time_of_write(log::WallTime begun) {
    const log::WallTime now = log::Moment::now().wall;
    return begun <= now && now - begun <= prompt_write ? begun : now;
}

}  // namespace

ArchiveFeed::ArchiveFeed(ArchiveWriter& writer, std::shared_ptr<archive::Recording> recording, const log::ByteLog& log,
                         std::shared_ptr<port::PortStats> stats)
    : writer_(writer),
      recording_(std::move(recording)),
      log_(log),
      stats_(std::move(stats)),
      cursor_(recording_->next()),
      archived_(cursor_),
      reserved_(recording_->reserved()),
      sent_next_(recording_->sent_next()) {
    // What is in memory already goes to a new archive without a gap before it.
    if (cursor_ == log::Cursor{}) cursor_ = log_.at_offset(log_.oldest_offset());
}

void ArchiveFeed::mark() {
    const std::uint64_t much = std::min<std::uint64_t>(hurry_bytes, log_.capacity_bytes() / 4);
    // A disk that fails is tried again at the usual times only.
    hurry_offset_ = failing_ ? std::numeric_limits<std::uint64_t>::max() : cursor_.offset + much;
    writer_.mark(*this, hurries());
}

bool ArchiveFeed::hurries() const noexcept {
    return done_ || log_.next_offset() >= hurry_offset_ || (!failing_ && sent_bytes_ >= hurry_bytes);
}

void ArchiveFeed::sent(std::uint64_t offset, std::span<const std::byte> bytes, log::WallTime begun) {
    if (sent_bytes_ + bytes.size() > sent_bytes_max || sent_.size() >= sent_pieces_max)
        return port::add(stats_->archive_tx_lost_bytes, bytes.size());
    const log::WallTime time = time_of_write(begun);
    const bool follows = !sent_.empty() && sent_.back().end() == offset && time >= sent_.back().time &&
                         time - sent_.back().time < sent_piece_age &&
                         sent_.back().bytes.size() + bytes.size() <= sent_piece_bytes_max;
    if (!follows) sent_.push_back({offset, time, {}});
    sent_.back().bytes.insert(sent_.back().bytes.end(), bytes.begin(), bytes.end());
    sent_bytes_ += bytes.size();
    if (!is_linked() || hurries()) mark();
}

void ArchiveFeed::drop_archived_sent(std::uint64_t next) {
    sent_next_ = next;
    while (!sent_.empty() && sent_.front().end() <= next) {
        sent_bytes_ -= sent_.front().bytes.size();
        sent_.pop_front();
    }
}

archive::Batch ArchiveFeed::take(std::size_t bytes_max) {
    archive::Batch batch;
    batch.sync_now = final_ = static_cast<bool>(done_);
    if (exact_) {
        batch.reserve = {reserved_.log_id, log_.next_offset(), log_.next_event()};
    } else if (archive::is_due(reserved_, log_.next_offset(), log_.next_event())) {
        batch.reserve = archive::reservation_for(reserved_.log_id, log_.next_offset(), log_.next_event());
    }
    batch.records_sent = records_sent_;
    batch.sent.assign(sent_.begin(), sent_.end());
    batch.bytes = sent_bytes_;
    while (bytes_max > 0) {
        auto item = log_.read(cursor_, bytes_max, records_sent_ ? log::Times::exact : log::Times::mixed);
        if (!item) break;
        if (const auto* data = std::get_if<log::DataItem>(&*item)) {
            bytes_max -= std::min(bytes_max, data->size);
            batch.bytes += data->size;
        }
        batch.items.push_back(std::move(*item));
    }
    writing_ = !batch.items.empty();
    return batch;
}

void ArchiveFeed::written(const archive::Recorded& recorded) {
    if (!(std::exchange(archived_, recorded.next) == recorded.next)) ++growth_;
    cursor_ = recorded.next;
    drop_archived_sent(recorded.sent_next);
    if (recorded.reserved) reserved_ = *recorded.reserved;
    unsynced_ = recorded.waits_for_sync;
    stats_->archive_unsynced_bytes.store(recorded.unsynced_bytes, std::memory_order_relaxed);
    stats_->archive_gap_bytes.store(recorded.gap_bytes, std::memory_order_relaxed);
    stats_->archive_unused_offsets.store(recorded.unused_offsets, std::memory_order_relaxed);
    note_result(recorded.result);
    if (final_ && done_) return end_if_done(!recorded.result);
    if (!is_done()) mark();
    stop_writing();
}

void ArchiveFeed::stop_writing() {
    if (std::exchange(writing_, false) && written_hook_) written_hook_();
}

/// Readers do not wait for it any longer.
void ArchiveFeed::note_hung(const Error& hangs) {
    note_result(hangs);
    stop_writing();
    if (done_) std::exchange(done_, nullptr)();
}

void ArchiveFeed::note_result(const Result<void>& result) {
    const bool failed = !result;
    if (failed) port::add(writer_.errors().write, 1);
    if (std::exchange(failing_, failed) != failed) writer_.write_state_changed(stats_->name, result);
}

port::WorkerPool& ArchiveFeed::workers() const noexcept { return writer_.readers(); }

ArchiveErrors& ArchiveFeed::errors() const noexcept { return writer_.errors(); }

bool ArchiveFeed::is_done() const { return log_.at_head(cursor_) && sent_.empty() && !unsynced_; }

void ArchiveFeed::finish(bool exact, std::function<void()> done) {
    exact_ = exact;
    done_ = std::move(done);
    recording_->end(log_.head());
    if (writer_.is_hung()) return std::exchange(done_, nullptr)();
    mark();
}

void ArchiveFeed::end_if_done(bool failed) {
    if (!failed && !is_done()) return mark();
    std::exchange(done_, nullptr)();
}

}  // namespace vserd::hub
