#include "support/write_account.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace vserd::test {
namespace {

std::string to_string(RecordId id) {
    return "record " + std::to_string(id.number) + " of writer " + std::to_string(id.writer);
}

}  // namespace

void WriteAccount::arrived(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    while (!bytes.empty()) {
        const std::size_t size = take(bytes);
        bytes.remove_prefix(size);
        next_ += size;
    }
}

std::size_t WriteAccount::take(std::string_view bytes) {
    if (bytes.front() == record_mark) {
        place_ = Place::head;
        head_ = record_mark;
        head_start_ = next_;
        return 1;
    }
    auto piece = bytes.substr(0, bytes.find(record_mark));
    if (place_ == Place::head) {
        piece = piece.substr(0, record_head_size - head_.size());
        head_ += piece;
        if (head_.size() == record_head_size) take_head();
    } else if (place_ == Place::text) {
        const Arrived& record = arrived_[current_];
        piece = piece.substr(0, record.size - record.received);
        take_text(piece);
    } else if (place_ == Place::between) {
        ADD_FAILURE() << "bytes at tx offset " << next_ << " that nobody wrote";
        place_ = Place::unknown;
    }
    return piece.size();
}

void WriteAccount::take_head() {
    std::size_t size = 0;
    place_ = Place::unknown;
    if (!parse_head(head_, current_, size)) {
        ADD_FAILURE() << "at tx offset " << next_ << " the head of a record is \"" << head_.substr(1) << '"';
        return;
    }
    const auto [record, added] = arrived_.insert({current_, {head_start_, size, record_head_size}});
    if (!added) {
        ADD_FAILURE() << to_string(current_) << " arrived twice";
        return;
    }
    place_ = size > record_head_size ? Place::text : Place::between;
}

void WriteAccount::take_text(std::string_view text) {
    Arrived& record = arrived_[current_];
    if (text != record_text(current_, record.received, text.size())) {
        ADD_FAILURE() << "other bytes in " << to_string(current_) << " at " << record.received << ", tx offset "
                      << next_;
        place_ = Place::unknown;
        return;
    }
    record.received += text.size();
    if (record.received == record.size) place_ = Place::between;
}

void WriteAccount::lost_until(std::uint64_t tx_offset) {
    const std::lock_guard lock(mutex_);
    if (tx_offset == next_) return;
    ASSERT_GT(tx_offset, next_) << "the device got more bytes than were written to it";
    const std::size_t size = tx_offset - next_;
    holes_.push_back({next_, tx_offset});
    next_ = tx_offset;
    if (place_ == Place::text && arrived_[current_].received + size < arrived_[current_].size) {
        arrived_[current_].received += size;
    } else {
        place_ = Place::unknown;
    }
}

std::uint64_t WriteAccount::next_offset() const {
    const std::lock_guard lock(mutex_);
    return next_;
}

void WriteAccount::accepted(RecordId id, std::size_t size, std::uint64_t tx_offset) {
    const std::lock_guard lock(mutex_);
    accepted_[id] = {size, tx_offset};
}

void WriteAccount::cut_short(RecordId id, std::optional<std::uint64_t> taken) {
    const std::lock_guard lock(mutex_);
    cut_short_[id] = taken;
}

std::size_t WriteAccount::accepted_count() const {
    const std::lock_guard lock(mutex_);
    return accepted_.size();
}

bool WriteAccount::meets_hole(std::uint64_t from, std::uint64_t to) const {
    return std::any_of(holes_.begin(), holes_.end(),
                       [&](const Hole& hole) { return hole.from < to && from < hole.to; });
}

void WriteAccount::check(bool complete) const {
    const std::lock_guard lock(mutex_);
    check_accepted(complete);
    check_cut_short();
    check_streams();
}

void WriteAccount::refused(std::uint32_t writer) {
    const std::scoped_lock lock{mutex_};
    refused_.insert(writer);
}

void WriteAccount::check_accepted(bool complete) const {
    for (const auto& [id, told] : accepted_) {
        if (!complete && told.end > next_) continue;
        const std::uint64_t start = told.end - told.size;
        const auto found = arrived_.find(id);
        if (found == arrived_.end() || found->second.received < told.size) {
            EXPECT_TRUE(meets_hole(start, told.end))
                << to_string(id) << ", accepted up to " << told.end << ", did not arrive";
        } else {
            EXPECT_EQ(found->second.start, start) << to_string(id);
        }
    }
}

void WriteAccount::check_cut_short() const {
    for (const auto& [id, taken] : cut_short_) {
        if (!taken) continue;
        const auto found = arrived_.find(id);
        const std::uint64_t received = found == arrived_.end() ? 0 : found->second.received;
        if (found == arrived_.end() && *taken < record_head_size) continue;
        if (found != arrived_.end() && meets_hole(found->second.start, found->second.start + *taken)) continue;
        if (found == arrived_.end() && !holes_.empty()) continue;  // its head may have been in one
        EXPECT_EQ(received, *taken) << to_string(id) << " was said to be taken so far";
    }
}

/// What a stream wrote arrives in order and whole, but for the last and what was refused.
void WriteAccount::check_streams() const {
    const std::pair<const RecordId, Arrived>* last = nullptr;
    for (const auto& entry : arrived_) {
        const auto& [id, record] = entry;
        if (id.number > 0) {
            const bool follows = last != nullptr && last->first == RecordId{id.writer, id.number - 1};
            const bool whole = follows && last->second.received == last->second.size;
            const bool in_order = !follows || last->second.start < record.start;
            EXPECT_TRUE(in_order && (whole || !holes_.empty() || refused_.contains(id.writer)))
                << to_string(id) << " came, and the one before it not, not whole, or later";
        }
        last = &entry;
    }
}

}  // namespace vserd::test
