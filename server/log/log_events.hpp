#pragma once

#include <span>
#include <vector>

#include "log/byte_log_items.hpp"
#include "log/log_clock.hpp"
#include "log/log_layout.hpp"

namespace vserd::log {

/// Remembers an event in the place of the ring that its number has. Long texts are cut.
void save_event(std::span<EventRecord> ring, const EventItem& event, const SavedTime& time) noexcept;

/// The events that the ring holds up to the newest.
struct SavedEvents {
    std::uint64_t first = 0;  ///< how many were before them
    std::vector<EventItem> events;
};
SavedEvents saved_events(std::span<const EventRecord> ring, const LogClock& clock);

}  // namespace vserd::log
