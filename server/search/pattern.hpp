#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace vserd::search {

inline constexpr std::size_t pattern_bytes_max = 1024;
inline constexpr std::size_t patterns_max = 16;
/// Groups of a pattern whose texts are returned.
inline constexpr std::size_t groups_max = 16;
/// Memory of one compiled pattern, with what RE2 remembers while it searches.
inline constexpr std::size_t pattern_memory_max = std::size_t{128} << 10;

/// A part of a text.
struct Span {
    std::size_t from = 0;
    std::size_t to = 0;

    friend bool operator==(const Span&, const Span&) = default;
};

/// One compiled regular expression (RE2's syntax, on bytes). It searches lines that end with '\n', and a match never extends
/// over a line end. Time is linear in the text. One thread at a time.
class Pattern {
public:
    /// `field` is the path of the pattern in the request; Failure::invalid_argument names it, with RE2's message.
    static Result<Pattern> compile(const std::string& text, const std::string& field);
    Pattern(Pattern&& other) noexcept;
    Pattern& operator=(Pattern&& other) noexcept;
    ~Pattern();

    /// The first match in `text` that begins at or after `from`, which must be the begin of a line.
    std::optional<Span> find(std::string_view text, std::size_t from) const;
    /// What the groups of the match at `match` contain.
    std::vector<std::string> groups(std::string_view line, const Span& match) const;
    /// Instructions of the compiled program. The time for each byte grows with it in the worst case.
    std::size_t size() const noexcept;

private:
    Pattern(std::unique_ptr<re2::RE2> compiled, bool line_by_line);
    std::optional<Span> find_in(std::string_view text, std::size_t from) const;

    std::unique_ptr<re2::RE2> compiled_;
    bool line_by_line_;  ///< it has \A, \z, \C or flags that would see more than a line
};

/// Patterns that are searched together.
using Patterns = std::vector<Pattern>;

/// Compiles 1 to patterns_max patterns. `field` is the path of the list, or of the single pattern, in the request.
Result<Patterns> compile(const std::vector<std::string>& texts, const std::string& field);
Result<Patterns> compile(const std::string& text, const std::string& field);

}  // namespace vserd::search
