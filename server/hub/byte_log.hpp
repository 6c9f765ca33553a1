#pragma once

#include <boost/container/small_vector.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <variant>

#include "hub/block.hpp"
#include "port/event.hpp"

namespace vserd::hub {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;

/// A moment by both clocks: one for people, one for measuring.
struct Moment {
    WallTime wall;
    SteadyTime steady;

    static Moment now() { return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()}; }
};

/// Bytes of one port from `offset` on. The slices may lie in several blocks; together they hold `size` bytes.
struct DataItem {
    std::uint64_t offset = 0;
    std::size_t size = 0;
    boost::container::small_vector<Slice, 2> slices;
    Moment received;  ///< of the last byte
};

/// [from, to) is not held any more, and `events_lost` events with it.
struct GapItem {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::uint64_t events_lost = 0;
};

/// An event at its offset: it happened after the bytes before `offset` and before the one at it.
struct EventItem {
    std::uint64_t offset = 0;
    WallTime time;
    port::Event event;
};

using Item = std::variant<DataItem, GapItem, EventItem>;

/// A place in a log: the next byte, and the next event by its running number.
struct Cursor {
    std::uint64_t offset = 0;
    std::uint64_t event = 0;

    friend bool operator==(const Cursor&, const Cursor&) = default;
};

inline constexpr std::size_t log_events_max = 1024;
inline constexpr std::size_t log_time_marks_max = 4096;

/// The received bytes of one port by absolute offset, and its events at theirs, as far back as the capacity goes.
/// Io thread only; slices handed out may be released on any thread.
class ByteLog {
public:
    /// `capacity_bytes`: how many bytes stay readable. Memory is that plus at most two blocks.
    explicit ByteLog(std::size_t capacity_bytes);

    /// Where to write the next bytes in place: at least 4 KiB, valid until commit() or append().
    std::span<std::byte> space();
    void commit(std::size_t size, Moment received = Moment::now());
    void append(std::span<const std::byte> bytes, Moment received = Moment::now());
    void append_event(port::Event event, WallTime time = std::chrono::system_clock::now());

    std::uint64_t oldest_offset() const noexcept;
    std::uint64_t next_offset() const noexcept { return next_offset_; }
    std::uint64_t next_event() const noexcept { return first_event_ + events_.size(); }
    std::size_t capacity_bytes() const noexcept { return capacity_bytes_; }

    /// The next item at the cursor, which moves past it; nothing at the head. Data ends before the next event.
    std::optional<Item> read(Cursor& cursor, std::size_t bytes_max) const;
    bool at_head(const Cursor& cursor) const noexcept {
        return cursor.offset == next_offset_ && cursor.event == next_event();
    }

    Cursor head() const noexcept { return {next_offset_, next_event()}; }
    /// Just before the byte at `offset`, and before the events there.
    Cursor at_offset(std::uint64_t offset) const;
    /// At the first byte received at or after `time` (at the resolution of the time marks, never later than asked for).
    Cursor at_time(WallTime time) const;

private:
    struct TimeMark {
        std::uint64_t end_offset;  ///< bytes before it were received by `received`
        Moment started;            ///< when the first of them was
        Moment received;
    };

    void trim();
    void mark_time(Moment received);
    Moment received_at(std::uint64_t last_byte) const;
    std::optional<Item> read_gap(Cursor& cursor) const;
    DataItem read_data(std::uint64_t offset, std::size_t size) const;

    const std::size_t capacity_bytes_;
    std::uint64_t next_offset_ = 0;
    std::deque<BlockRef> blocks_;
    std::deque<EventItem> events_;
    std::uint64_t first_event_ = 0;
    std::deque<TimeMark> marks_;
    std::chrono::nanoseconds mark_interval_ = std::chrono::milliseconds{1};
};

}  // namespace vserd::hub
