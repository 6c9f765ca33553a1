#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vser_client/console.hpp"
#include "vser_client/types.hpp"

namespace vser::client {

/// Where a console stands in a port's log, over any number of connections: makes sure that no byte and no event is
/// given twice and that a jump is never silent. Pure; not thread-safe.
class LogCursor {
public:
    /// The offset of the next byte; nothing before the first connection.
    std::optional<std::uint64_t> next_offset() const noexcept { return next_offset_; }

    /// A connection begins that starts at `offset`: events up to the last one seen are repetitions.
    void resume(std::uint64_t offset) noexcept;
    /// The log is another one, which starts at `offset`.
    void restart(std::uint64_t offset) noexcept;

    /// Appends to `out` what is new in an item of the stream.
    void accept(Data&& data, std::vector<ConsoleItem>& out);
    void accept(const Gap& gap, std::vector<ConsoleItem>& out);
    void accept(Event&& event, std::vector<ConsoleItem>& out);

private:
    std::optional<std::uint64_t> next_offset_;
    bool at_start_ = true;  // nothing came yet: a gap may begin before next_offset_
    bool is_repeated(const Event& event) const;

    std::uint64_t last_event_number_ = 0;  // 0: none had a number
    std::optional<Time> last_event_time_;
    bool events_may_repeat_ = false;
};

}  // namespace vser::client
