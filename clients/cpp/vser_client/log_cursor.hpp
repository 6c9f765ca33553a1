#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vser_client/console.hpp"
#include "vser_client/types.hpp"

namespace vser::client {

/// A console's position in a port's log across connections. No byte or event is returned twice, and missing bytes are always
/// reported. Not thread-safe.
class LogCursor {
public:
    /// The offset of the next byte; empty before the first connection.
    std::optional<std::uint64_t> next_offset() const noexcept { return next_offset_; }

    /// A connection starts at `offset`. Events up to the last one seen are repeated.
    void resume(std::uint64_t offset) noexcept;
    /// The server has a new log, which starts at `offset`.
    void restart(std::uint64_t offset) noexcept;

    /// Appends the new parts of an item to `out`.
    void accept(Data&& data, std::vector<ConsoleItem>& out);
    void accept(const Gap& gap, std::vector<ConsoleItem>& out);
    void accept(Event&& event, std::vector<ConsoleItem>& out);

private:
    std::optional<std::uint64_t> next_offset_;
    bool at_start_ = true;  // no item yet: a gap may begin before next_offset_
    bool is_repeated(const Event& event) const;

    std::uint64_t last_event_number_ = 0;  // 0: no event had a number
    std::optional<Time> last_event_time_;
    bool events_may_repeat_ = false;
};

}  // namespace vser::client
