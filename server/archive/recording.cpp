#include "archive/recording.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "archive/names.hpp"

namespace vserd::archive {
namespace {

using Clock = std::chrono::steady_clock;

/// So many bytes are synced before the interval has passed.
constexpr std::uint64_t sync_bytes = std::uint64_t{1} << 20U;

log::Cursor later(const log::Cursor& a, const log::Cursor& b) {
    return {std::max(a.offset, b.offset), std::max(a.event, b.event)};
}

}  // namespace

Recording::Recording(PortArchive archive, OffsetReservation reservation, std::chrono::milliseconds sync)
    : archive_(std::move(archive)),
      reservation_(std::move(reservation)),
      sync_(sync),
      synced_(Clock::now()),
      found_(reservation_.stored()) {
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
    std::shared_ptr<Recording> recording(new Recording(std::move(*archive), std::move(*reservation), settings.sync));
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
    if (!found_) {  // nothing was reserved, so perhaps nothing was archived either
        found_ = Reservation{std::string(id), next.offset + reserved_bytes, next.event};
        reserved_.log_id = id;
        archive_.set_log_id(found_->log_id);
        if (fits) return {found_->log_id, {head, 0}, true};
    } else if (resumed && id == found_->log_id && fits) {
        return {found_->log_id, {head, 0}, true};
    }
    const log::Cursor at = head_.value_or(log::Cursor{found_->offset, found_->event});
    return {found_->log_id, later(at, next), false};
}

Recorded Recording::write(const Batch& batch) {
    Recorded recorded;
    const bool again = reservation_deleted_ && batch.reserve.log_id.empty();
    recorded.result = reserve(again ? reserved_ : batch.reserve, recorded);
    auto appended = append(batch.items);
    if (appended) appended = sync_if_due(batch.sync_now);
    if (!appended && appended.error().errno_value == ENOENT) reservation_deleted_ = true;
    if (recorded.result) recorded.result = appended;
    recorded.next = archive_.next();
    recorded.unsynced_bytes = archive_.unsynced_bytes();
    recorded.gap_bytes = archive_.losses().bytes;
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
    if (!head_) return {};
    const Reservation exact{reserved_.log_id, head_->offset, head_->event};
    Recorded ignored;
    return exact == reserved_ ? Result<void>{} : reserve(exact, ignored);
}

Result<void> Recording::append(const std::vector<log::Item>& items) {
    for (const log::Item& item : items)
        if (auto appended = archive_.append(item); !appended) return appended;
    return archive_.flush();
}

Result<void> Recording::sync_if_due(bool now) {
    if (!now && archive_.unsynced_bytes() < sync_bytes && Clock::now() < synced_ + sync_) return {};
    auto synced = archive_.sync();
    if (synced) synced_ = Clock::now();
    return synced;
}

}  // namespace vserd::archive
