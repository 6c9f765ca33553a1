#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/lazy_deque.hpp"
#include "log/byte_log_items.hpp"
#include "log/log_clock.hpp"
#include "log/log_store.hpp"
#include "log/time_marks.hpp"

namespace vserd::log {

/// The minimum size of ByteLog::space(): the most that one read from a tty returns.
inline constexpr std::size_t space_bytes_min = 4096;

/// Whether the bytes of one item may have been received at different times.
enum class Times : std::uint8_t { mixed, exact };

/// The received bytes of one port by absolute offset, and its events at theirs, as far back as the capacity goes. The store
/// holds all of it, so that another process can resume the log. Io thread only; slices may be released on any thread.
class ByteLog {
public:
    using Events = base::LazyDeque<EventItem, 2>;

    /// `capacity_bytes`: how many bytes stay readable. Memory use is that plus at most two blocks.
    explicit ByteLog(std::size_t capacity_bytes) : ByteLog(LogStore::in_memory(capacity_bytes)) {}
    /// Resumes the log in the store.
    explicit ByteLog(LogStoreRef store);

    /// Memory for the next bytes: at least space_bytes_min, valid until commit() or append().
    std::span<std::byte> space();
    void commit(std::size_t size, Moment received = Moment::now());
    void append(std::span<const std::byte> bytes, Moment received = Moment::now());
    void append_event(port::Event event, Moment at = Moment::now());
    /// Updates the offset between the clocks, because the system's clock may have been set.
    void note_clock(Moment now) noexcept { clock_.note(now); }

    /// Whether the bytes of `item` from read() are lost because the log's file was truncated. Then readers get a gap, and the
    /// log continues in memory.
    bool is_lost(const Item& item);
    /// How often the file was truncated.
    std::uint32_t cuts() const noexcept { return cuts_; }

    /// Copies heap blocks into free slots of the store, the newest first. Nothing may be appended afterwards.
    void save_heap_blocks();

    std::uint64_t oldest_offset() const noexcept;
    /// Of what is kept: events before it are gone as well.
    Cursor oldest() const noexcept { return {oldest_offset(), first_event_}; }
    std::uint64_t next_offset() const noexcept { return next_offset_; }
    std::uint64_t next_event() const noexcept { return next_event_; }
    std::size_t capacity_bytes() const noexcept { return capacity_bytes_; }
    /// Random. Each new log has a new id; a resumed log keeps its id.
    std::string_view id() const noexcept { return store_->id(); }
    const Events& events() const noexcept { return events_; }
    LogStore& store() const noexcept { return *store_; }

    /// Returns the next item and moves the cursor past it; empty at the head. Data ends before the next event, and with
    /// Times::exact where the receive time changes.
    std::optional<Item> read(Cursor& cursor, std::size_t bytes_max, Times times = Times::mixed) const;
    bool at_head(const Cursor& cursor) const noexcept {
        return cursor.offset == next_offset_ && cursor.event == next_event();
    }

    Cursor head() const noexcept { return {next_offset_, next_event()}; }
    /// Just before the byte at `offset`, and before the events there.
    Cursor at_offset(std::uint64_t offset) const;
    /// At the first byte received at or after `time`, by the system's clock as it is set now. Limited by the resolution of the
    /// time marks; the result is never too late.
    Cursor at_time(WallTime time) const { return at_moment(clock_.moment_at(time)); }
    /// At the first byte received at most `age` ago. `age` must not be negative.
    Cursor at_age(std::chrono::nanoseconds age, Moment now) const;

private:
    Cursor at_moment(const Moment& moment) const;
    void count_uncounted();
    bool lose_cut_bytes();
    void drop_event() noexcept;
    void trim();
    std::optional<Item> read_gap(Cursor& cursor) const;
    DataItem read_data(std::uint64_t offset, std::size_t size) const;

    const LogStoreRef store_;
    const std::size_t capacity_bytes_;
    std::uint64_t begin_offset_ = 0;  // the first byte in the store when the log was resumed
    std::uint64_t next_offset_ = 0;
    base::LazyDeque<BlockRef, 8> blocks_;
    Events events_;
    std::uint64_t first_event_ = 0;
    std::uint64_t next_event_ = 0;  // first_event_ + events_.size(), which a deque has to divide for
    LogClock clock_;
    TimeMarks marks_;
    std::uint32_t cuts_ = 0;                // truncations of the store's file that were handled
    std::size_t window_ = space_bytes_min;  // size of space(); it grows when reads fill it
};

}  // namespace vserd::log
