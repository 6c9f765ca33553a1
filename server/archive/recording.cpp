#include "archive/recording.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "archive/files.hpp"
#include "archive/names.hpp"

namespace vserd::archive {
namespace {

using Clock = std::chrono::steady_clock;

/// So many bytes are synced before the interval has passed.
constexpr std::uint64_t sync_bytes = std::uint64_t{1} << 20U;
/// Of a port whose sent bytes are recorded, so that a replay has the timing of both.
constexpr std::chrono::milliseconds span_age_with_sent{20};
constexpr std::chrono::milliseconds sent_span_age{1};
constexpr std::string_view not_sent = "not recorded, or discarded before they were sent";

log::Cursor later(const log::Cursor& a, const log::Cursor& b) {
    return {std::max(a.offset, b.offset), std::max(a.event, b.event)};
}

log::WallTime item_time(const log::Item& item) {
    if (const auto* data = std::get_if<log::DataItem>(&item)) return data->received.wall;
    const auto* event = std::get_if<log::EventItem>(&item);
    return event != nullptr ? event->at.wall : log::WallTime::min();
}

}  // namespace

Recording::Recording(PortArchive archive, OffsetReservation reservation, const Settings& settings,
                     const std::string& port)
    : archive_(std::move(archive)),
      sent_options_{.directory = settings.directory, .port = port, .log_id = {}},
      reservation_(std::move(reservation)),
      sync_(settings.sync),
      round_(settings.round()),
      found_(reservation_.stored()) {
    sent_options_.segment_bytes = settings.segment_bytes;
    sent_options_.of_sent = true;
    if (found_) reserved_ = *found_;
}

Result<std::shared_ptr<Recording>> Recording::open(const Settings& settings, const std::string& port) {
    auto reservation = OffsetReservation::open(port_path(settings.directory, port));
    if (!reservation) return reservation.error();
    ArchiveOptions options{.directory = settings.directory, .port = port, .log_id = {}};
    options.segment_bytes = settings.segment_bytes;
    if (reservation->stored()) options.log_id = reservation->stored()->log_id;
    auto archive = PortArchive::open(std::move(options));
    if (!archive) return archive.error();
    std::shared_ptr<Recording> recording(new Recording(std::move(*archive), std::move(*reservation), settings, port));
    if (exists(sent_path(recording->path())))
        if (auto opened = recording->open_sent(); !opened) return opened.error();
    if (!recording->found_) return recording;
    const log::Cursor at = later({recording->found_->offset, recording->found_->event}, recording->next());
    Recorded ignored;
    if (auto reserved = recording->reserve(reservation_for(recording->found_->log_id, at.offset, at.event), ignored);
        !reserved)
        return reserved.error();
    return recording;
}

Beginning Recording::begin(std::string_view id, std::uint64_t head, bool resumed) {
    const log::Cursor next = archive_.next();
    const bool fits = head >= next.offset;
    // Where a stop has ended is no round number, and what is missing before it was lost.
    const bool is_known = found_ && found_->offset % reserved_bytes != 0;
    if (!found_) {  // nothing was reserved, so perhaps nothing was archived either
        found_ = Reservation{std::string(id), next.offset + reserved_bytes, next.event};
        reserved_.log_id = id;
        archive_.set_log_id(found_->log_id);
        if (sent_) sent_->set_log_id(found_->log_id);
        if (fits) return {found_->log_id, {head, 0}, true};
    } else if (resumed && id == found_->log_id && fits) {
        return {found_->log_id, {head, 0}, true};
    }
    const log::Cursor at = later(head_.value_or(log::Cursor{found_->offset, found_->event}), next);
    if (!head_ && !is_known) archive_.note_unused(at.offset);
    return {found_->log_id, at, false};
}

Recorded Recording::write(const Batch& batch) {
    Recorded recorded;
    const bool again = reservation_deleted_ && batch.reserve.log_id.empty();
    recorded.result = reserve(again ? reserved_ : batch.reserve, recorded);
    auto appended = append(batch);
    const auto sent = append_sent(batch.sent);
    if (!batch.items.empty() || !batch.sent.empty()) unsynced_since_ = unsynced_since_.value_or(Clock::now());
    if (appended) appended = sync_if_due(batch.sync_now);
    if (!appended && appended.error().errno_value == ENOENT) reservation_deleted_ = true;
    if (recorded.result) recorded.result = appended;
    if (recorded.result) recorded.result = sent;
    recorded.next = archive_.next();
    recorded.sent_next = sent_next();
    recorded.unsynced_bytes = unsynced_bytes();
    recorded.waits_for_sync = unsynced_since_.has_value();
    recorded.gap_bytes = archive_.losses().bytes;
    recorded.unused_offsets = archive_.losses().unused_offsets;
    return recorded;
}

Result<void> Recording::reserve(const Reservation& reservation, Recorded& recorded) {
    if (reservation.log_id.empty()) return {};
    if (auto stored = reservation_.store(reservation); !stored) return stored;
    reservation_deleted_ = false;
    reserved_ = reservation;
    recorded.reserved = reservation;
    return {};
}

Result<void> Recording::release_reserved() {
    if (!head_ || !reservation_.is_there()) return {};
    const Reservation exact{reserved_.log_id, head_->offset, head_->event};
    Recorded ignored;
    return exact == reserved_ ? Result<void>{} : reserve(exact, ignored);
}

Result<void> Recording::append(const Batch& batch) {
    archive_.set_span_age(batch.records_sent ? std::chrono::nanoseconds(span_age_with_sent) : span_age_default);
    auto sent = batch.sent.begin();
    for (const log::Item& item : batch.items) {
        const auto later_sent =
            std::find_if(sent, batch.sent.end(), [time = item_time(item)](const Sent& one) { return one.time > time; });
        if (std::exchange(sent, later_sent) != later_sent)
            if (auto flushed = archive_.flush(); !flushed) return flushed;
        if (auto appended = archive_.append(item); !appended) return appended;
    }
    return archive_.flush();
}

Result<void> Recording::open_sent() {
    sent_options_.log_id = found_ ? found_->log_id : std::string{};
    auto opened = PortArchive::open(sent_options_);
    if (!opened) return opened.error();
    sent_ = std::move(*opened);
    sent_->set_span_age(sent_span_age);
    return {};
}

Result<void> Recording::append_sent(const std::vector<Sent>& sent) {
    if (sent.empty()) return {};
    if (!sent_)
        if (auto opened = open_sent(); !opened) return opened;
    for (const Sent& piece : sent) {
        const std::uint64_t next = sent_->next().offset;
        if (piece.end() <= next) continue;
        if (piece.offset > next)
            if (auto put = sent_->append_gap({next, piece.offset, 0}, not_sent, piece.time); !put) return put;
        const std::uint64_t from = std::max(piece.offset, next);
        const ByteView left = ByteView(piece.bytes).subspan(static_cast<std::size_t>(from - piece.offset));
        if (auto put = sent_->append_data(from, left, piece.time); !put) return put;
    }
    return sent_->flush();
}

std::uint64_t Recording::unsynced_bytes() const noexcept {
    return archive_.unsynced_bytes() + (sent_ ? sent_->unsynced_bytes() : 0);
}

Result<void> Recording::sync_if_due(bool now) {
    if (!unsynced_since_) return {};
    // The batch had waited for a round before it came, and the next one comes a round later.
    const bool may_wait = Clock::now() - *unsynced_since_ + 2 * round_ <= sync_;
    if (!now && may_wait && unsynced_bytes() < sync_bytes) return {};
    auto synced = archive_.sync();
    if (synced && sent_) synced = sent_->sync();
    if (synced) unsynced_since_.reset();
    return synced;
}

}  // namespace vserd::archive
