#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace vserd::search {

/// A longer line is treated as several of this length.
inline constexpr std::size_t line_bytes_max = 4096;

using Time = std::chrono::system_clock::time_point;

/// Consecutive bytes of a log, their receive times, and where their lines end: after LF, CR LF or CR. All positions are offsets
/// in the log. A CR at the end is kept back, because LF may follow.
class LineBuffer {
public:
    explicit LineBuffer(std::uint64_t offset) : begin_(offset) {}

    void append(std::string_view bytes, Time received);
    /// Nothing more comes: adds the CR that was kept back.
    void end();
    /// Drops everything, and continues at `offset`.
    void restart(std::uint64_t offset);
    /// Drops the bytes before `offset`. Moves the others.
    void drop_before(std::uint64_t offset);

    std::uint64_t begin_offset() const noexcept { return begin_; }
    std::uint64_t end_offset() const noexcept { return begin_ + bytes_.size(); }
    std::string_view bytes(std::uint64_t from, std::uint64_t to) const { return part(bytes_, from, to); }
    /// The bytes with LF for each CR.
    std::string_view text(std::uint64_t from, std::uint64_t to) const { return part(text_, from, to); }
    /// When the byte was received.
    Time received(std::uint64_t offset) const;

    /// The end of the last of the finished lines from `from` on, which must be the begin of one; `from` if there is none, or if
    /// the next one is too long.
    std::uint64_t finished_end(std::uint64_t from) const;
    /// The end of the line that begins at `from`, at most line_bytes_max further, or of the buffer.
    std::uint64_t line_end(std::uint64_t from) const;
    /// The begin of the line that ends at `end`; nothing if it begins before `least`.
    std::optional<std::uint64_t> previous_line(std::uint64_t end, std::uint64_t least) const;
    /// The end of the line that `last` is the last byte of: a CR is followed by its LF.
    std::uint64_t after_terminator(std::uint64_t last) const;
    /// Whether this is between a CR and its LF.
    bool is_inside_terminator(std::uint64_t offset) const;

private:
    struct Received {
        std::uint64_t end;
        Time time;
    };

    std::string_view part(const std::string& all, std::uint64_t from, std::uint64_t to) const {
        return std::string_view(all).substr(static_cast<std::size_t>(from - begin_),
                                            static_cast<std::size_t>(to - from));
    }
    bool is(std::uint64_t offset, char c) const { return bytes_[static_cast<std::size_t>(offset - begin_)] == c; }

    std::uint64_t begin_;
    std::string bytes_;
    std::string text_;  ///< equally long
    bool cr_kept_ = false;
    Time cr_received_;
    std::deque<Received> times_;
};

}  // namespace vserd::search
