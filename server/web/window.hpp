#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hub/calls.hpp"

namespace vserd::web {

/// A client may be sent this much that it has not acknowledged. A page cannot pause a WebSocket: the browser would buffer
/// everything. A second of a line at 4 Mbaud fits in.
inline constexpr std::uint64_t window_bytes = std::uint64_t{512} << 10;

/// The bytes of the log in a message of Attach: [begin, end).
struct LogRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};
/// Nothing: the message has no bytes of the log. For text, `end` is an estimate.
std::optional<LogRange> log_range_of(const hub::WireMessage& response);

/// The offset in a message that is an AttachRequest.acknowledged and nothing else.
std::optional<std::uint64_t> acknowledged_in(std::string_view request);

/// How far a client is behind what it was sent.
class Window {
public:
    bool is_full() const noexcept { return end_ - acknowledged_ >= window_bytes; }
    void sent(const LogRange& range) noexcept {
        if (!started_) acknowledged_ = range.begin;
        started_ = true;
        end_ = std::max(range.end, acknowledged_);
    }
    /// A client cannot acknowledge what it was not sent.
    void acknowledged(std::uint64_t offset) noexcept {
        acknowledged_ = std::clamp(offset, acknowledged_, std::max(end_, acknowledged_));
    }

private:
    bool started_ = false;
    std::uint64_t end_ = 0;
    std::uint64_t acknowledged_ = 0;
};

}  // namespace vserd::web
