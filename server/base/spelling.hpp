#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

/// Suggestions for misspelt words.
namespace vserd::base {

/// Longer words are not compared.
inline constexpr std::size_t compared_bytes_max = 96;

/// Levenshtein distance: the number of letters to change, add or remove. Counting stops above `limit`, so that the cost is
/// bounded. Allocates nothing.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

/// The candidate that is closest to the word, or an empty view if none is close.
std::string_view closest(std::string_view text, const std::vector<std::string_view>& candidates);

}  // namespace vserd::base
