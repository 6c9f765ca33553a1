#include "log/time_marks.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace vserd::log {
namespace {

/// Bytes received within this time share a mark.
constexpr std::chrono::milliseconds resolution{1};
/// Marks that remain after merging, so that the next merge is not needed soon.
constexpr std::size_t marks_kept_max = log_time_marks_max / 4 * 3;

/// Times before the epoch of the clock count as the epoch.
template <class Time>
std::uint64_t word_of(Time time) noexcept {
    const auto ns = std::chrono::nanoseconds(time.time_since_epoch()).count();
    return ns > 0 ? static_cast<std::uint64_t>(ns) : 0;
}

}  // namespace

TimeMark TimeMarks::mark_of(std::uint64_t end_offset, Moment received) noexcept {
    if (received.boot == before_this_boot) return {end_offset, word_of(received.wall) | time_mark_wall};
    return {end_offset, word_of(received.boot)};
}

Moment TimeMarks::moment_of(const TimeMark& mark) const noexcept {
    const auto ns = static_cast<std::int64_t>(mark.time & ~time_mark_wall);
    if ((mark.time & time_mark_wall) != 0) return {WallTime{std::chrono::nanoseconds{ns}}, before_this_boot};
    return clock_.moment_of({0, ns, header_.marks_boot.load(std::memory_order_relaxed)});
}

/// If the process is killed meanwhile, the next one converts the rest.
void TimeMarks::begin_boot() noexcept {
    if (header_.marks_boot.load(std::memory_order_acquire) == clock_.boot()) return;
    for (std::size_t i = 0; i < size_; ++i) at(i) = mark_of(at(i).end_offset, moment_of(at(i)));
    header_.marks_boot.store(clock_.boot(), std::memory_order_release);
}

void TimeMarks::place() noexcept {
    header_.marks_place.store(std::uint64_t{first_} << 32U | size_, std::memory_order_release);
}

void TimeMarks::take_over(std::uint64_t head, Moment now) {
    const std::uint64_t word = header_.marks_place.load(std::memory_order_acquire);
    first_ = word >> 32U;
    size_ = word & 0xFFFF'FFFFU;
    bool whole =
        header_.marks_changing.load(std::memory_order_acquire) == 0 && first_ < ring_.size() && size_ <= ring_.size();
    for (std::size_t i = 1; whole && i < size_; ++i) whole = at(i - 1).end_offset <= at(i).end_offset;
    if (!whole) first_ = size_ = 0;
    header_.marks_changing.store(0, std::memory_order_release);
    begin_boot();

    for (std::size_t i = 0; i < size_; ++i) at(i).end_offset = std::min(at(i).end_offset, head);
    if (head > 0 && size_ == 0) {
        at(0) = mark_of(head, now);
        size_ = 1;
    }
    if (size_ > 0) at(size_ - 1).end_offset = head;
    place();
}

void TimeMarks::clear() noexcept {
    first_ = size_ = 0;
    place();
}

void TimeMarks::add(std::uint64_t end_offset, Moment received) {
    if (size_ > 0 && received.boot - started_ < resolution) {
        at(size_ - 1) = mark_of(end_offset, received);
        return;
    }
    if (size_ == 0) begin_boot();
    if (size_ == ring_.size()) make_room(received);
    at(size_) = mark_of(end_offset, received);
    started_ = received.boot;
    ++size_;
    place();
}

/// Merges old marks. The resolution is relative to the age, because the history of a quiet console may be weeks old.
void TimeMarks::make_room(Moment now) noexcept {
    header_.marks_changing.store(1, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(first_), ring_.end());
    first_ = 0;
    part_of_age_ = std::min<std::int64_t>(part_of_age_ * 4, std::int64_t{1} << 14U);
    while (size_ > marks_kept_max && part_of_age_ > 1) merge_closer_than(part_of_age_ /= 2, clock_.wall_of(now));
    size_ = std::min(size_, marks_kept_max);  // in case the stored times are wrong
    std::rotate(ring_.begin(), ring_.end() - static_cast<std::ptrdiff_t>(size_), ring_.end());
    first_ = 0;
    place();
    header_.marks_changing.store(0, std::memory_order_release);
}

/// Goes from the newest mark to the oldest, and keeps only marks that are at least that part of their age apart. A kept mark
/// also covers the bytes of the ones removed before it. Afterwards the marks are at the end of the ring.
void TimeMarks::merge_closer_than(std::int64_t part_of_age, WallTime now) noexcept {
    const std::size_t end = first_ + size_;
    std::size_t kept = ring_.size();
    WallTime later = WallTime::max();
    for (std::size_t i = end; i > first_; --i) {
        const TimeMark mark = ring_[i - 1];
        const WallTime time = moment_of(mark).wall;
        const bool apart = i == end || (later - time) >= (now - time) / part_of_age;
        if (!apart) continue;
        ring_[--kept] = mark;
        later = time;
    }
    first_ = kept;
    size_ = ring_.size() - kept;
}

void TimeMarks::trim(std::uint64_t oldest_offset) {
    if (size_ <= 1 || at(0).end_offset > oldest_offset) return;
    while (size_ > 1 && at(0).end_offset <= oldest_offset) {
        first_ = (first_ + 1) % ring_.size();
        --size_;
    }
    place();
}

Moment TimeMarks::received_at(std::uint64_t byte) const { return moment_of(mark_at(byte)); }

std::uint64_t TimeMarks::same_time_until(std::uint64_t byte) const {
    const std::uint64_t end = mark_at(byte).end_offset;
    return end > byte ? end : std::numeric_limits<std::uint64_t>::max();  // the marks are damaged
}

const TimeMark& TimeMarks::mark_at(std::uint64_t byte) const {
    assert(size_ > 0);
    std::size_t low = 0;
    std::size_t high = size_ - 1;                                 // the last mark ends at the head
    if (high > 0 && at(high - 1).end_offset <= byte) low = high;  // the usual case
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (byte < at(middle).end_offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return at(low);
}

std::uint64_t TimeMarks::offset_at(const Moment& time, std::uint64_t oldest, std::uint64_t head) const {
    std::uint64_t begin = oldest;
    for (std::size_t i = 0; i < size_; ++i) {
        if (reaches(moment_of(at(i)), time)) return begin;
        begin = std::max(begin, at(i).end_offset);
    }
    return head;
}

}  // namespace vserd::log
