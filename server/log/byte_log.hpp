#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>

#include "log/byte_log_items.hpp"
#include "log/log_clock.hpp"
#include "log/log_store.hpp"
#include "log/time_marks.hpp"

namespace vserd::log {

/// What ByteLog::space() gives at least: a read from a tty wants that much.
inline constexpr std::size_t space_bytes_min = 4096;

/// A place in a log: the next byte, and the next event by its running number.
struct Cursor {
    std::uint64_t offset = 0;
    std::uint64_t event = 0;

    friend bool operator==(const Cursor&, const Cursor&) = default;
};

/// The received bytes of one port by absolute offset, and its events at theirs, as far back as the capacity goes. All of it
/// is in the store as well, from which another process may go on. Io thread only; slices handed out may be released on any
/// thread.
class ByteLog {
public:
    /// `capacity_bytes`: how many bytes stay readable. Memory is that plus at most two blocks.
    explicit ByteLog(std::size_t capacity_bytes) : ByteLog(LogStore::in_memory(capacity_bytes)) {}
    /// Goes on with what is in the store.
    explicit ByteLog(LogStoreRef store);

    /// Where to write the next bytes in place: at least 4 KiB, valid until commit() or append().
    std::span<std::byte> space();
    void commit(std::size_t size, Moment received = Moment::now());
    void append(std::span<const std::byte> bytes, Moment received = Moment::now());
    void append_event(port::Event event, Moment at = Moment::now());
    /// The clocks were read: the system's may have been set since the last time.
    void note_clock(Moment now) noexcept { clock_.note(now); }

    /// Whether what read() gave was lost before: somebody cut the file of the log short. What it held is a gap then, and the
    /// log goes on in memory.
    bool is_lost(const Item& item);
    /// How often that happened.
    std::uint32_t cuts() const noexcept { return cuts_; }

    /// Brings what lies on the heap into the store where room has come, the newest first. Nothing is appended after it.
    void save_heap_blocks();

    std::uint64_t oldest_offset() const noexcept;
    std::uint64_t next_offset() const noexcept { return next_offset_; }
    std::uint64_t next_event() const noexcept { return first_event_ + events_.size(); }
    std::size_t capacity_bytes() const noexcept { return capacity_bytes_; }
    /// Random, new for each log that begins, and kept by one that goes on in another process.
    std::string_view id() const noexcept { return store_->id(); }
    const std::deque<EventItem>& events() const noexcept { return events_; }
    LogStore& store() noexcept { return *store_; }

    /// The next item at the cursor, which moves past it; nothing at the head. Data ends before the next event.
    std::optional<Item> read(Cursor& cursor, std::size_t bytes_max) const;
    bool at_head(const Cursor& cursor) const noexcept {
        return cursor.offset == next_offset_ && cursor.event == next_event();
    }

    Cursor head() const noexcept { return {next_offset_, next_event()}; }
    /// Just before the byte at `offset`, and before the events there.
    Cursor at_offset(std::uint64_t offset) const;
    /// At the first byte received at or after `time`, as the system's clock counts now (at the resolution of the time marks,
    /// never later than asked for).
    Cursor at_time(WallTime time) const { return at_moment(clock_.moment_at(time)); }
    /// The same, of a time as long ago as `age`, which is not negative.
    Cursor at_age(std::chrono::nanoseconds age, Moment now) const;

private:
    Cursor at_moment(const Moment& moment) const;
    void count_uncounted();
    bool lose_cut_bytes();
    void trim();
    std::optional<Item> read_gap(Cursor& cursor) const;
    DataItem read_data(std::uint64_t offset, std::size_t size) const;

    const LogStoreRef store_;
    const std::size_t capacity_bytes_;
    std::uint64_t begin_offset_ = 0;  // no byte before it was found when the log was taken over
    std::uint64_t next_offset_ = 0;
    std::deque<BlockRef> blocks_;
    std::deque<EventItem> events_;
    std::uint64_t first_event_ = 0;
    LogClock clock_;
    TimeMarks marks_;
    std::uint32_t cuts_ = 0;                // of the store's file, known here
    std::size_t window_ = space_bytes_min;  // what space() gives: more where reads fill it
};

}  // namespace vserd::log
