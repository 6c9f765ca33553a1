#include "vser_client/log_cursor.hpp"

#include <algorithm>
#include <utility>

namespace vser::client {

void LogCursor::resume(std::uint64_t offset) noexcept {
    if (!next_offset_) next_offset_ = offset;
    events_may_repeat_ = true;
}

void LogCursor::restart(std::uint64_t offset) noexcept {
    next_offset_ = offset;
    last_event_number_ = 0;
    last_event_time_.reset();
    events_may_repeat_ = false;
}

void LogCursor::accept(Data&& data, std::vector<ConsoleItem>& out) {
    const auto end = data.offset + data.bytes.size();
    const auto expected = next_offset_.value_or(data.offset);
    if (end <= expected || data.bytes.empty()) return;
    if (data.offset > expected) out.emplace_back(Gap{.from = expected, .to = data.offset, .events_lost = 0});
    if (data.offset < expected) {
        data.bytes.erase(0, static_cast<std::size_t>(expected - data.offset));
        data.offset = expected;
    }
    next_offset_ = end;
    at_start_ = false;
    out.emplace_back(std::move(data));
}

void LogCursor::accept(const Gap& gap, std::vector<ConsoleItem>& out) {
    const auto expected = at_start_ ? gap.from : next_offset_.value_or(gap.from);
    const auto from = std::min(std::max(gap.from, expected), gap.to);
    next_offset_ = std::max(next_offset_.value_or(0), gap.to);
    at_start_ = false;
    if (gap.to > from || gap.events_lost > 0) {
        out.emplace_back(Gap{.from = from, .to = gap.to, .events_lost = gap.events_lost});
    }
}

void LogCursor::accept(Event&& event, std::vector<ConsoleItem>& out) {
    if (is_repeated(event)) return;
    events_may_repeat_ = false;
    last_event_time_ = event.time;
    last_event_number_ = std::max(last_event_number_, event.number);
    out.emplace_back(std::move(event));
}

bool LogCursor::is_repeated(const Event& event) const {
    if (event.number != 0 && last_event_number_ != 0) return event.number <= last_event_number_;
    // An older server does not number its events. Their times usually increase within a log.
    return events_may_repeat_ && last_event_time_ && event.time <= *last_event_time_;
}

}  // namespace vser::client
