#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "hub/channel.hpp"

namespace vserd::hub {
namespace {

Error archive_failed(std::string_view port, const Error& error) {
    return {Failure::unavailable, error.errno_value, "archive",
            fmt::format("the archive of port \"{}\" cannot be read: {}; try again later, or read what is in memory",
                        port, error.message)};
}

}  // namespace

Reader::Reader(Channel& channel, log::Cursor start, Sink& sink, Writer* writer)
    : channel_(&channel), writer_(writer), cursor_(start), sink_(sink) {
    if (writer_ != nullptr) writer_->reader_ = this;
    channel.busy_readers_.push_back(*this);
    channel.count_reader(+1);
}

Reader::Reader(Channel& channel, const Backlog::Start& start, log::Cursor in_memory, Sink& sink, Writer* writer)
    : Reader(channel, in_memory, sink, writer) {
    placed_ = false;
    in_archive_ = true;
    begins_anywhere_ = !std::holds_alternative<Backlog::Offset>(start);
    backlog_ = channel.make_backlog([this](const Result<void>& result) { loaded(result); });
    backlog_->load(start);
}

Reader::~Reader() {
    leave_writer();
    if (channel_ != nullptr) channel_->count_reader(-1);
}

void Reader::leave_writer() noexcept {
    if (writer_ != nullptr) writer_->reader_ = nullptr;
    writer_ = nullptr;
}

std::optional<log::Item> Reader::next(std::size_t bytes_max, log::Times times) {
    if (channel_ == nullptr) return std::nullopt;
    std::optional<log::Item> item;
    if (backlog_ && !backlog_->empty()) {
        item = backlog_->take(bytes_max, cursor_);
        if (backlog_->empty()) static_cast<void>(load());  // while the sink is busy with this one
    } else if (load()) {
        wait_for_load();
        return std::nullopt;
    } else {
        item = next_in_memory(bytes_max, times);
    }
    item ? count(*item) : wait();
    return item;
}

std::optional<log::Item> Reader::next_in_memory(std::size_t bytes_max, log::Times times) {
    const log::Cursor before = cursor_;
    auto item = channel_->log_.read(cursor_, bytes_max, times);
    if (item && channel_->log_.is_lost(*item)) {
        cursor_ = before;
        item = channel_->log_.read(cursor_, bytes_max, times);
        channel_->note_cut();
    }
    return item;
}

void Reader::count(const log::Item& item) {
    if (const auto* data = std::get_if<log::DataItem>(&item)) {
        if (writer_ != nullptr) writer_->read_bytes_ += data->size;
    } else if (const auto* gap = std::get_if<log::GapItem>(&item)) {
        port::add(channel_->port_.stats()->gap_bytes, gap->to - gap->from);
    }
}

bool Reader::has_more() {
    if (channel_ == nullptr) return false;
    if (backlog_ && !backlog_->empty()) return true;
    if (load()) {
        wait_for_load();
        return false;
    }
    if (!channel_->log_.at_head(cursor_)) return true;
    wait();
    return false;
}

/// The archive orders times by the system's clock, which may have been set: what memory has is never skipped.
void Reader::place() {
    const bool nothing = backlog_->empty() && backlog_->at_end();
    if (begins_anywhere_ && (nothing || backlog_->begin().offset > cursor_.offset)) return backlog_.reset();
    cursor_ = backlog_->begin();
}

std::uint64_t Reader::first_offset() const noexcept {
    if (channel_ == nullptr || (backlog_ && !backlog_->empty())) return cursor_.offset;
    return std::max(cursor_.offset, channel_->log_.oldest_offset());
}

/// Whether the next item is no longer in memory.
bool Reader::is_behind() const {
    const log::Cursor oldest = channel_->log_.oldest();
    return cursor_.offset < oldest.offset || cursor_.event < oldest.event;
}

/// Reads on in the archive if the next item is only there. Returns whether it does.
bool Reader::load() {
    if (backlog_ && backlog_->loading()) return true;
    const auto disk = channel_->disk();
    if (!disk || !is_behind()) {
        backlog_.reset();
        in_archive_ = false;
        return false;
    }
    waits_for_feed_ = false;
    if (disk->growth == growth_ && failed_) return false;
    const bool at_end = backlog_ && backlog_->at_end() && backlog_->end() == cursor_;
    if (at_end && disk->growth == growth_) {
        // What the archive does not have either is a gap, unless it is on its way there.
        waits_for_feed_ = disk->is_writing;
        return waits_for_feed_;
    }
    growth_ = disk->growth;
    failed_ = false;
    if (!backlog_) backlog_ = channel_->make_backlog([this](const Result<void>& result) { loaded(result); });
    backlog_->load(cursor_);
    return true;
}

/// load() returned true.
void Reader::wait_for_load() { waits_for_feed_ ? wait() : void(sink_waits_ = true); }

void Reader::loaded(const Result<void>& result) {
    if (channel_ == nullptr) return;
    if (!result) {
        port::add(channel_->disk()->errors.read, 1);
        if (in_archive_) return channel_->close_reader(*this, archive_failed(channel_->name(), result.error()));
        failed_ = true;  // a live reader that has fallen behind gets a gap
        backlog_.reset();
    } else if (!std::exchange(placed_, true)) {
        place();
    }
    if (std::exchange(sink_waits_, false)) sink_.on_available();
}

void Reader::wait() {
    unlink();
    channel_->waiting_readers_.push_back(*this);
}

}  // namespace vserd::hub
