#pragma once

#include <span>
#include <vector>

#include "hub/byte_log_items.hpp"
#include "hub/log_layout.hpp"

namespace vserd::hub {

/// Remembers an event of the running `number` in its place of the ring. Long texts are cut.
void save_event(std::span<EventRecord> ring, std::uint64_t number, const EventItem& event) noexcept;

/// The events that the ring holds up to the newest, and the number of the first.
struct SavedEvents {
    std::uint64_t first = 0;
    std::vector<EventItem> events;
};
SavedEvents saved_events(std::span<const EventRecord> ring);

}  // namespace vserd::hub
