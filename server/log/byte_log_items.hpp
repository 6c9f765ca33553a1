#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "log/block.hpp"
#include "log/moment.hpp"
#include "port/event.hpp"

namespace vserd::log {

/// A position in a log: the next byte, and the number of the next event.
struct Cursor {
    std::uint64_t offset = 0;
    std::uint64_t event = 0;

    friend bool operator==(const Cursor&, const Cursor&) = default;
};

/// Bytes of one port from `offset` on. The slices may be in several blocks; together they have `size` bytes.
struct DataItem {
    std::uint64_t offset = 0;
    std::size_t size = 0;
    boost::container::small_vector<Slice, 2> slices;
    Moment received;  ///< of the last byte
};

/// The bytes [from, to) and `events_lost` events are no longer available.
struct GapItem {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::uint64_t events_lost = 0;
};

/// An event at its offset: it happened after the bytes before `offset` and before the one at it.
struct EventItem {
    std::uint64_t offset = 0;
    Moment at;
    port::Event event;
    std::uint64_t number = 0;  ///< in its log, from 1; 0: only announced, not in a log
};

using Item = std::variant<DataItem, GapItem, EventItem>;

}  // namespace vserd::log
