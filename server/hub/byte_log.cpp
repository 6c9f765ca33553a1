#include "hub/byte_log.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "hub/log_events.hpp"

namespace vserd::hub {
namespace {

/// A block with less room than this is left as it is: a read from a tty wants 4 KiB.
constexpr std::size_t space_bytes_min = 4096;

}  // namespace

ByteLog::ByteLog(LogStoreRef store)
    : store_(std::move(store)),
      capacity_bytes_(store_->capacity_bytes()),
      next_offset_(store_->found_head()),
      marks_(store_->header(), store_->marks()) {
    if (!store_->was_left()) return;
    for (BlockRef& block : store_->take_found()) blocks_.push_back(std::move(block));
    begin_offset_ = blocks_.empty() ? next_offset_ : blocks_.front()->first_offset;
    marks_.take_over(next_offset_, Moment::now());
    auto saved = saved_events(store_->events());
    first_event_ = saved.first;
    for (EventItem& event : saved.events) {
        event.offset = std::min(event.offset, next_offset_);
        events_.push_back(std::move(event));
    }
    trim();
}

std::span<std::byte> ByteLog::space() {
    if (blocks_.empty() || block_bytes - blocks_.back()->used < space_bytes_min) {
        blocks_.push_back(store_->new_block(next_offset_));
    }
    Block& tail = *blocks_.back();
    return std::span{tail.data, block_bytes}.subspan(tail.used);
}

void ByteLog::commit(std::size_t size, Moment received) {
    if (size == 0) return;
    assert(!blocks_.empty() && size <= block_bytes - blocks_.back()->used);
    store_->fill(*blocks_.back(), blocks_.back()->used + size);
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

void ByteLog::append_event(port::Event event, WallTime time) {
    const std::uint64_t number = next_event();
    save_event(store_->events(), number,
               events_.emplace_back(EventItem{next_offset_, time, std::move(event), number + 1}));
    trim();
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
    while (blocks_.size() > 1 && blocks_.front()->first_offset + blocks_.front()->used <= oldest) blocks_.pop_front();
    while (!events_.empty() && (events_.front().offset < oldest || events_.size() > log_events_max)) {
        events_.pop_front();
        ++first_event_;
    }
    marks_.trim(oldest);
}

std::optional<Item> ByteLog::read(Cursor& cursor, std::size_t bytes_max) const {
    if (auto gap = read_gap(cursor)) return gap;

    std::uint64_t end = next_offset_;
    if (cursor.event < next_event()) {
        const EventItem& event = events_[static_cast<std::size_t>(cursor.event - first_event_)];
        if (event.offset <= cursor.offset) {
            ++cursor.event;
            return event;
        }
        end = event.offset;
    }
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

Cursor ByteLog::at_time(WallTime time) const {
    const std::uint64_t offset = marks_.offset_at(time, oldest_offset(), next_offset_);
    return offset == next_offset_ ? head() : at_offset(offset);
}

}  // namespace vserd::hub
