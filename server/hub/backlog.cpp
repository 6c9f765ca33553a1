#include "hub/backlog.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "archive/archive_reader.hpp"

namespace vserd::hub {
namespace {

constexpr std::size_t slice_bytes_max = log::block_bytes;
/// A slice that takes longer is an error for the reader.
constexpr std::chrono::seconds slice_limit{10};

Result<log::Cursor> look_up(archive::ArchiveReader& reader, const Backlog::Start& from) {
    if (const auto* cursor = std::get_if<log::Cursor>(&from)) return *cursor;
    if (const auto* since = std::get_if<Backlog::Since>(&from)) return reader.at_time(since->time);
    auto oldest = reader.oldest();
    const auto* offset = std::get_if<Backlog::Offset>(&from);
    if (!oldest || offset == nullptr) return oldest;
    return reader.at_offset(offset->offset);
}

/// The bytes in a block of their own, which is freed with the last message that has them.
log::DataItem to_item(const archive::ArchivedData& data, archive::ByteView bytes) {
    auto memory = std::make_unique<std::byte[]>(bytes.size());
    std::memcpy(memory.get(), bytes.data(), bytes.size());
    log::BlockRef block(new log::Block);
    block->data = memory.release();
    block->first_offset = data.offset;
    block->used = bytes.size();
    log::DataItem item{data.offset, data.size, {}, {data.received, log::before_this_boot}};
    item.slices.push_back({block, block->data, data.size});
    return item;
}

}  // namespace

/// What a worker works on. It outlives the backlog if the disk hangs.
struct Backlog::Slice {
    Slice(std::string directory, std::string log_id) : reader(std::move(directory), std::move(log_id)) {}
    void read();

    archive::ArchiveReader reader;
    Start from;
    log::Cursor begin;
    log::Cursor end;
    archive::ReadBatch batch;
    Result<void> result;
    Backlog* owner = nullptr;  ///< io thread: null when it is gone
};

void Backlog::Slice::read() {
    const auto place = look_up(reader, from);
    if (!place) {
        result = place.error();
        return;
    }
    begin = *place;
    end = *place;
    batch.items.clear();
    result = reader.read(end, slice_bytes_max, batch);
}

Backlog::Backlog(port::WorkerPool& workers, std::string directory, std::string log_id,
                 std::function<void(const Result<void>&)> ready)
    : workers_(workers),
      slice_(std::make_shared<Slice>(std::move(directory), std::move(log_id))),
      ready_(std::move(ready)) {
    slice_->owner = this;
}

Backlog::~Backlog() { slice_->owner = nullptr; }

void Backlog::load(const Start& from) {
    loading_ = true;
    slice_->from = from;
    const auto fail = [slice = slice_](const Error& error) {
        if (slice->owner == nullptr || !slice->owner->loading_) return;
        const auto ready = slice->owner->ready_;  // which may destroy it
        ready(error);
    };
    workers_.run({.work = [slice = slice_] { slice->read(); },
                  .done =
                      [slice = slice_] {
                          if (slice->owner != nullptr) slice->owner->loaded(*slice);
                      },
                  .overdue =
                      [fail] {
                          fail({Failure::io, 0, "archive", "the disk has not answered for 10 s"});
                      },
                  .refused = fail,
                  .limit = slice_limit});
}

void Backlog::loaded(Slice& slice) {
    loading_ = false;
    begin_ = slice.begin;
    end_ = slice.end;
    at_end_ = slice.batch.at_end;
    for (auto& item : slice.batch.items) {
        if (const auto* data = std::get_if<archive::ArchivedData>(&item)) {
            items_.emplace_back(to_item(*data, slice.batch.of(*data)));
        } else if (auto* event = std::get_if<log::EventItem>(&item)) {
            items_.emplace_back(std::move(*event));
        } else {
            items_.emplace_back(std::get<archive::ArchivedGap>(item).gap);
        }
    }
    slice.batch = {};           // until the next one is wanted, perhaps much later
    const auto ready = ready_;  // which may destroy this
    ready(slice.result);
}

log::Item Backlog::take(std::size_t bytes_max, log::Cursor& cursor) {
    auto* const data = std::get_if<log::DataItem>(&items_.front());
    if (data != nullptr && data->size > bytes_max) {
        log::DataItem part = *data;
        part.size = bytes_max;
        part.slices.front().size = bytes_max;
        data->offset += bytes_max;
        data->size -= bytes_max;
        data->slices.front().data += bytes_max;
        data->slices.front().size -= bytes_max;
        cursor.offset = data->offset;
        return part;
    }
    log::Item item = std::move(items_.front());
    items_.pop_front();
    if (const auto* whole = std::get_if<log::DataItem>(&item)) {
        cursor.offset = whole->offset + whole->size;
    } else if (const auto* event = std::get_if<log::EventItem>(&item)) {
        cursor = {event->offset, event->number};
    } else {
        const auto& gap = std::get<log::GapItem>(item);
        cursor.offset = gap.to;
        cursor.event += gap.events_lost;
    }
    if (items_.empty()) cursor = end_;
    return item;
}

}  // namespace vserd::hub
