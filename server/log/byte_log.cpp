#include "log/byte_log.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "log/log_events.hpp"

namespace vserd::log {
namespace {

/// Longer than any log lasts, and short enough that no clock overflows.
constexpr std::chrono::hours age_max{24 * 365 * 100};

/// Reads each page, so that a truncated file raises SIGBUS here and not an error in a system call.
void touch(const std::byte* data, std::size_t size) noexcept {
    constexpr std::size_t page_bytes = 4096;
    for (std::size_t at = 0; at < size; at += page_bytes)
        static_cast<void>(*static_cast<const volatile std::byte*>(data + at));
    static_cast<void>(*static_cast<const volatile std::byte*>(data + size - 1));
}

}  // namespace

ByteLog::ByteLog(LogStoreRef store)
    : store_(std::move(store)),
      capacity_bytes_(store_->capacity_bytes()),
      begin_offset_(store_->found_head()),
      next_offset_(store_->found_head()),
      first_event_(store_->events_before()),
      next_event_(first_event_),
      clock_(store_->header()),
      marks_(store_->header(), store_->marks(), clock_) {
    if (!store_->recovered()) return;
    for (BlockRef& block : store_->take_found()) blocks_.push_back(std::move(block));
    begin_offset_ = blocks_.empty() ? next_offset_ : blocks_.front()->first_offset;
    marks_.take_over(next_offset_, Moment::now());
    auto saved = saved_events(store_->events(), clock_);
    // After a kill right after restart_as() there are no events that say how many came before.
    const std::uint64_t before = store_->events_before();
    first_event_ = std::max(saved.first, before - std::min<std::uint64_t>(before, saved.events.size()));
    for (EventItem& event : saved.events) {
        event.offset = std::min(event.offset, next_offset_);
        events_.push_back(std::move(event));
    }
    next_event_ = first_event_ + events_.size();
    count_uncounted();
    trim();
}

/// Adds bytes that the previous process read from the device but did not count before it was killed.
void ByteLog::count_uncounted() {
    const Uncounted found = store_->take_uncounted();
    if (found.bytes == 0) return;
    if (found.block) blocks_.push_back(found.block);
    const std::size_t used = blocks_.back()->used + found.bytes;
    store_->fill(*blocks_.back(), used);
    next_offset_ += found.bytes;
    marks_.add(next_offset_, Moment::now());
}

std::span<std::byte> ByteLog::space() {
    Block* last = blocks_.empty() ? nullptr : blocks_.back().get();
    if (last == nullptr || block_bytes - last->used < space_bytes_min) {
        last = blocks_.emplace_back(store_->new_block(next_offset_)).get();
    }
    Block& tail = *last;
    const std::size_t end = std::min(block_bytes, tail.used + window_);
    store_->prepare(tail, end);
    // Only where it is needed: touching a page of memory allocates it, even if the device fills only half of the one before.
    if (store_->is_in_file()) touch(tail.data + tail.used, end - tail.used);
    if (lose_cut_bytes()) return space();
    return {tail.data + tail.used, end - tail.used};
}

void ByteLog::commit(std::size_t size, Moment received) {
    if (size == 0) return;
    assert(!blocks_.empty() && size <= block_bytes - blocks_.back()->used);
    clock_.note(received);
    window_ = size < window_ ? std::max(space_bytes_min, window_ / 2) : std::min(block_bytes, window_ * 2);
    Block& tail = *blocks_.back();
    store_->fill(tail, tail.used + size);
    next_offset_ += size;
    marks_.add(next_offset_, received);
    trim();
}

void ByteLog::append(std::span<const std::byte> bytes, Moment received) {
    while (!bytes.empty()) {
        const auto room = space();
        const std::size_t size = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), size);
        commit(size, received);
        bytes = bytes.subspan(size);
    }
}

void ByteLog::append_event(port::Event event, Moment at) {
    clock_.note(at);
    const std::uint64_t number = next_event() + 1;
    save_event(store_->events(), events_.emplace_back(EventItem{next_offset_, at, std::move(event), number}),
               clock_.saved(at));
    ++next_event_;
    if (events_.size() > log_events_max) drop_event();
    trim();
}

void ByteLog::drop_event() noexcept {
    events_.pop_front();
    ++first_event_;
}

void ByteLog::save_heap_blocks() {
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
        if ((*block)->store != nullptr || (*block)->used == 0) continue;
        BlockRef saved = store_->new_block((*block)->first_offset);
        if (saved->store == nullptr) return;
        std::memcpy(saved->data, (*block)->data, (*block)->used);
        store_->fill(*saved, (*block)->used);
        *block = std::move(saved);
    }
}

std::uint64_t ByteLog::oldest_offset() const noexcept {
    return std::max(begin_offset_, next_offset_ > capacity_bytes_ ? next_offset_ - capacity_bytes_ : 0);
}

void ByteLog::trim() {
    const std::uint64_t oldest = oldest_offset();
    const auto is_over = [oldest](const Block& block) { return block.first_offset + block.used <= oldest; };
    while (!blocks_.empty() && is_over(*blocks_.front()) && blocks_.size() > 1) blocks_.pop_front();
    while (!events_.empty() && events_.front().offset < oldest) drop_event();
    marks_.trim(oldest);
}

bool ByteLog::is_lost(const Item& item) {
    const auto* data = std::get_if<DataItem>(&item);
    if (data == nullptr) return false;
    for (const Slice& slice : data->slices) touch(slice.data, slice.size);
    return lose_cut_bytes();
}

bool ByteLog::lose_cut_bytes() {
    if (cuts_ == store_->cuts()) return false;
    cuts_ = store_->cuts();
    begin_offset_ = next_offset_;
    while (blocks_.size() > 1) blocks_.pop_front();  // keep the last one, because a read into it may be in progress
    marks_.clear();
    trim();
    return true;
}

std::optional<Item> ByteLog::read(Cursor& cursor, std::size_t bytes_max, Times times) const {
    if (auto gap = read_gap(cursor)) return gap;

    std::uint64_t end = next_offset_;
    if (cursor.event < next_event()) {
        const EventItem& event = events_[static_cast<std::size_t>(cursor.event - first_event_)];
        if (event.offset <= cursor.offset) {
            ++cursor.event;
            EventItem item = event;
            item.at.wall = clock_.wall_of(event.at);
            return item;
        }
        end = event.offset;
    }
    if (times == Times::exact && cursor.offset < end) end = std::min(end, marks_.same_time_until(cursor.offset));
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(end - cursor.offset, bytes_max));
    if (size == 0) return std::nullopt;
    auto item = read_data(cursor.offset, size);
    cursor.offset += size;
    return item;
}

std::optional<Item> ByteLog::read_gap(Cursor& cursor) const {
    const std::uint64_t oldest = oldest_offset();
    if (cursor.offset >= oldest && cursor.event >= first_event_) return std::nullopt;
    GapItem gap;
    gap.from = cursor.offset;
    gap.to = std::max(cursor.offset, oldest);
    gap.events_lost = cursor.event < first_event_ ? first_event_ - cursor.event : 0;
    cursor.offset = gap.to;
    cursor.event += gap.events_lost;
    return gap;
}

DataItem ByteLog::read_data(std::uint64_t offset, std::size_t size) const {
    DataItem item;
    item.offset = offset;
    item.size = size;
    item.received = marks_.received_at(offset + size - 1);
    auto block = std::upper_bound(blocks_.begin(), blocks_.end(), offset,
                                  [](std::uint64_t at, const BlockRef& b) { return at < b->first_offset; });
    for (--block; size > 0; ++block) {
        const auto begin = static_cast<std::size_t>(offset - (*block)->first_offset);
        const std::size_t here = std::min(size, (*block)->used - begin);
        item.slices.push_back({*block, (*block)->data + begin, here});
        offset += here;
        size -= here;
    }
    return item;
}

Cursor ByteLog::at_offset(std::uint64_t offset) const {
    const auto event = std::lower_bound(events_.begin(), events_.end(), offset,
                                        [](const EventItem& e, std::uint64_t at) { return e.offset < at; });
    return {offset, first_event_ + static_cast<std::uint64_t>(event - events_.begin())};
}

Cursor ByteLog::at_age(std::chrono::nanoseconds age, Moment now) const {
    age = std::min<std::chrono::nanoseconds>(age, age_max);
    return at_moment({now.wall - age, now.boot - age});
}

Cursor ByteLog::at_moment(const Moment& moment) const {
    const std::uint64_t offset = marks_.offset_at(moment, oldest_offset(), next_offset_);
    return offset == next_offset_ ? head() : at_offset(offset);
}

}  // namespace vserd::log
