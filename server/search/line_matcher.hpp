#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "search/line_buffer.hpp"
#include "search/pattern.hpp"

namespace vserd::search {

/// A line that matches. The range is that of the line with its end.
struct Hit {
    std::uint64_t line_from = 0;
    std::uint64_t line_to = 0;
    std::uint64_t from = 0;  ///< of the match
    std::uint64_t to = 0;
    std::size_t pattern = 0;
    bool continues = false;  ///< only the rest of a line that was a hit before it was finished
};

/// Finds the lines of a byte stream that match any of some patterns, however the stream is split. Each line is a hit at most
/// once, with its first match. Memory: the unfinished line, the bytes of one call, and what the caller wants kept.
class LineMatcher {
public:
    /// `offset` counts as the begin of a line. `kept_bytes` stay readable before the unfinished line.
    LineMatcher(Patterns patterns, std::uint64_t offset, std::size_t kept_bytes = 0)
        : patterns_(std::move(patterns)), kept_bytes_(kept_bytes), buffer_(offset), line_(offset), paused_at_(offset) {}

    /// Appends the hits among the lines that these bytes finish.
    void add(std::string_view bytes, Time received, std::vector<Hit>& hits);
    /// The stream was silent: searches the unfinished line.
    void pause(std::vector<Hit>& hits);
    /// Nothing more comes: searches the rest as if it were finished. Afterwards call restart() or nothing.
    void finish(std::vector<Hit>& hits);
    void restart(std::uint64_t offset);

    /// Whether there are bytes that pause() would search.
    bool has_unsearched() const noexcept { return buffer_.end_offset() > std::max(paused_at_, line_); }
    /// The begin of the unfinished line. The lines before were searched.
    std::uint64_t line() const noexcept { return line_; }
    const LineBuffer& buffer() const noexcept { return buffer_; }
    const Patterns& patterns() const noexcept { return patterns_; }

private:
    struct Found {
        Span span;
        std::size_t pattern;
    };

    void search_finished(std::vector<Hit>& hits);
    void search_lines(std::uint64_t from, std::uint64_t to, std::vector<Hit>& hits);
    std::uint64_t continue_hit(std::uint64_t from, std::vector<Hit>& hits);
    void drop_searched();
    bool find(std::string_view text, std::size_t from, Found& found) const;

    Patterns patterns_;
    std::size_t kept_bytes_;
    LineBuffer buffer_;
    std::uint64_t line_;
    std::uint64_t paused_at_;  ///< the unfinished line was searched up to here
    bool is_hit_ = false;      ///< the unfinished line was a hit, up to paused_at_
};

}  // namespace vserd::search
