#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/port_archive.hpp"
#include "archive/reservation.hpp"
#include "archive/retention.hpp"
#include "base/result.hpp"

namespace vserd::archive {

/// The archive of all ports, as it is configured.
struct Settings {
    std::string directory;
    RetentionLimits keep;
    FreeSpaceLimit keep_free;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20U;
    std::chrono::milliseconds sync{1000};      ///< the most that a power loss may cost
    std::chrono::milliseconds upkeep{60'000};  ///< between two calls of keep_up()

    /// Between two batches of a port: what came just after one is written by the next, and synced in time by the one after that.
    std::chrono::milliseconds round() const { return std::min(std::chrono::milliseconds{500}, sync * 9 / 20); }

    friend bool operator==(const Settings&, const Settings&) = default;
};

/// How the log of a port goes on.
struct Beginning {
    std::string log_id;
    log::Cursor at;            ///< where the log begins, unless it is in memory
    bool is_in_memory = true;  ///< the log in memory goes on; otherwise it begins anew at `at`
};

/// Bytes that were written to the port's device.
struct Sent {
    std::uint64_t offset = 0;  ///< in everything that the port accepted
    log::WallTime time;
    Bytes bytes;

    std::uint64_t end() const noexcept { return offset + bytes.size(); }
};

/// What the worker did with a batch.
struct Recorded {
    Result<void> result;  ///< the first error
    log::Cursor next;     ///< where the archive goes on
    std::uint64_t sent_next = 0;
    std::uint64_t unsynced_bytes = 0;
    bool waits_for_sync = false;          ///< send another batch, perhaps an empty one
    std::uint64_t gap_bytes = 0;          ///< missing in the archive since it was opened
    std::uint64_t unused_offsets = 0;     ///< in gaps that a crash left
    std::optional<Reservation> reserved;  ///< in force from now on, if it has changed
};

/// What one port has for its archive.
struct Batch {
    std::vector<log::Item> items;  ///< from the archive's end on
    std::vector<Sent> sent;        ///< in order; what was archived already is skipped
    std::size_t bytes = 0;         ///< of data in both
    bool records_sent =
        false;  ///< the bytes of one time are then received within 20 ms, and none of them was sent between them
    Reservation reserve;    ///< to make durable first; without an id: none
    bool sync_now = false;  ///< do not wait for the interval
};

/// The archive and the reserved offsets of one port, and the archive of what is sent to it. The io thread calls begin() and keeps the head; a worker calls write(), and
/// never while begin() runs.
class Recording {
public:
    /// Blocks on the disk. Reserves the next offsets of a log that was archived before.
    static Result<std::shared_ptr<Recording>> open(const Settings& settings, const std::string& port);

    /// Call it once for each log in memory, with what that is and how far it is. `resumed`: it has content.
    Beginning begin(std::string_view id, std::uint64_t head, bool resumed);
    /// Keeps where the log has ended, for the next begin() of this process.
    void end(log::Cursor head) { head_ = head; }
    /// After end(), when the process ends: nothing stays reserved. Blocks on the disk.
    Result<void> release_reserved();
    /// The offsets and events that may be handed out.
    const Reservation& reserved() const noexcept { return reserved_; }
    log::Cursor next() const noexcept { return archive_.next(); }
    /// Where the archive of what is sent goes on; 0: there is none.
    std::uint64_t sent_next() const noexcept { return sent_ ? sent_->next().offset : 0; }
    const TailRepair& repair() const noexcept { return archive_.repair(); }
    const std::string& path() const noexcept { return archive_.path(); }

    /// Blocks on the disk. After an error, what the batch still had belongs to the next one: it begins at Recorded::next and
    /// Recorded::sent_next.
    Recorded write(const Batch& batch);

private:
    Recording(PortArchive archive, OffsetReservation reservation, const Settings& settings, const std::string& port);
    Result<void> reserve(const Reservation& reservation, Recorded& recorded);
    Result<void> append(const Batch& batch);
    Result<void> open_sent();
    Result<void> append_sent(const std::vector<Sent>& sent);
    std::uint64_t unsynced_bytes() const noexcept;
    Result<void> sync_if_due(bool now);

    PortArchive archive_;
    ArchiveOptions sent_options_;
    std::optional<PortArchive> sent_;  ///< begins with the first byte
    OffsetReservation reservation_;
    const std::chrono::milliseconds sync_;
    const std::chrono::milliseconds round_;
    std::optional<std::chrono::steady_clock::time_point> unsynced_since_;  ///< the oldest batch that is not synced
    std::optional<Reservation> found_;                                     ///< what the process before had reserved
    Reservation reserved_;
    bool reservation_deleted_ = false;  ///< by someone, with a segment: the next batch stores it again
    std::optional<log::Cursor> head_;
};

}  // namespace vserd::archive
