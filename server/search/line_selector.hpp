#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "search/line_matcher.hpp"

namespace vserd::search {

inline constexpr std::uint32_t context_lines_max = 100;
/// Of the lines before one that matches.
inline constexpr std::size_t context_bytes_max = std::size_t{64} << 10;

/// Lines around each one that matches.
struct Context {
    std::uint32_t before = 0;
    std::uint32_t after = 0;
};

/// Memory of a search besides its patterns, for input of at most 64 KiB at a time and few lines that match.
constexpr std::size_t buffer_bytes(const Context& context) noexcept {
    return 3 * (std::size_t{64} << 10) + (context.before > 0 ? 4 * context_bytes_max : 0);
}

/// What matched in a line.
struct Match {
    std::size_t pattern = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::vector<std::string> groups;
};

/// A line with its end; one that was not finished may come in several parts.
struct Line {
    std::uint64_t offset = 0;
    std::string bytes;
    Time received;               ///< of the last byte
    std::optional<Match> match;  ///< empty: a line of the context, or the rest of a line
};

/// Copies the lines that match, and those around them, out of a byte stream. No byte is selected twice.
class LineSelector {
public:
    LineSelector(Patterns patterns, std::uint64_t offset, const Context& context)
        : context_(context),
          matcher_(std::move(patterns), offset, context.before > 0 ? context_bytes_max : 0),
          selected_to_(offset) {}

    void add(std::string_view bytes, Time received);
    /// As LineMatcher's.
    void pause();
    void finish();
    void restart(std::uint64_t offset);
    const LineMatcher& matcher() const noexcept { return matcher_; }

    /// What was selected since the last call.
    std::vector<Line> take();

private:
    void select(std::uint64_t finished_end);
    void select_after(std::uint64_t end);
    void select_before(std::uint64_t line_from);
    void select_hit(const Hit& hit);
    void add_line(std::uint64_t from, std::uint64_t to);

    Context context_;
    LineMatcher matcher_;
    std::vector<Hit> hits_;
    std::vector<Line> lines_;
    std::uint64_t selected_to_;
    std::uint32_t after_left_ = 0;  ///< lines that still belong to the last hit
};

}  // namespace vserd::search
