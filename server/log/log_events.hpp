#pragma once

#include <span>
#include <vector>

#include "log/byte_log_items.hpp"
#include "log/log_clock.hpp"
#include "log/log_layout.hpp"

namespace vserd::log {

/// Stores an event in the ring at the place given by its number. Truncates long texts.
void save_event(std::span<EventRecord> ring, const EventItem& event, const SavedTime& time) noexcept;

/// The events in the ring, up to the newest.
struct SavedEvents {
    std::uint64_t first = 0;  ///< number of events before them
    std::vector<EventItem> events;
};
SavedEvents saved_events(std::span<const EventRecord> ring, const LogClock& clock);

}  // namespace vserd::log
