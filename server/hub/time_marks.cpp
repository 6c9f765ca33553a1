#include "hub/time_marks.hpp"

#include <algorithm>
#include <cassert>

namespace vserd::hub {
namespace {

TimeMark mark_of(std::uint64_t end_offset, Moment received) noexcept {
    return {end_offset, std::chrono::nanoseconds(received.wall.time_since_epoch()).count(),
            std::chrono::nanoseconds(received.steady.time_since_epoch()).count()};
}

Moment moment_of(const TimeMark& mark) noexcept {
    return {WallTime{std::chrono::nanoseconds{mark.wall_ns}}, SteadyTime{std::chrono::nanoseconds{mark.steady_ns}}};
}

}  // namespace

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

    const TimeMark latest = mark_of(head, now);
    for (std::size_t i = 0; i < size_; ++i) {
        at(i).end_offset = std::min(at(i).end_offset, head);
        at(i).steady_ns = std::min(at(i).steady_ns, latest.steady_ns);  // of another boot, perhaps
    }
    if (head > 0 && size_ == 0) {
        at(0) = latest;
        size_ = 1;
    }
    if (size_ > 0) at(size_ - 1).end_offset = head;
    place();
}

void TimeMarks::add(std::uint64_t end_offset, Moment received) {
    if (size_ > 0 && received.steady - started_ < interval_) {
        at(size_ - 1) = mark_of(end_offset, received);
        return;
    }
    if (size_ == ring_.size()) halve();
    at(size_) = mark_of(end_offset, received);
    started_ = received.steady;
    ++size_;
    place();
}

/// Each pair becomes one mark that covers both.
void TimeMarks::halve() noexcept {
    header_.marks_changing.store(1, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(first_), ring_.end());
    first_ = 0;
    size_ /= 2;
    for (std::size_t i = 0; i < size_; ++i) ring_[i] = ring_[2 * i + 1];
    interval_ *= 2;
    place();
    header_.marks_changing.store(0, std::memory_order_release);
}

void TimeMarks::trim(std::uint64_t oldest_offset) {
    if (size_ <= 1 || at(0).end_offset > oldest_offset) return;
    while (size_ > 1 && at(0).end_offset <= oldest_offset) {
        first_ = (first_ + 1) % ring_.size();
        --size_;
    }
    place();
}

Moment TimeMarks::received_at(std::uint64_t byte) const {
    assert(size_ > 0);
    std::size_t low = 0;
    std::size_t high = size_ - 1;                                 // the last mark ends at the head
    if (high > 0 && at(high - 1).end_offset <= byte) low = high;  // the usual place
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (byte < at(middle).end_offset) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return moment_of(at(low));
}

std::uint64_t TimeMarks::offset_at(WallTime time, std::uint64_t oldest, std::uint64_t head) const {
    std::uint64_t begin = oldest;
    for (std::size_t i = 0; i < size_; ++i) {
        if (moment_of(at(i)).wall >= time) return begin;
        begin = std::max(begin, at(i).end_offset);
    }
    return head;
}

}  // namespace vserd::hub
