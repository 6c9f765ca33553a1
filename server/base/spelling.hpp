#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

/// What a misspelt word probably meant.
namespace vserd::base {

/// Longer words are not compared.
inline constexpr std::size_t compared_bytes_max = 96;

/// Levenshtein distance: how many letters to change, add or drop. The count stops above `limit`, so the cost is bounded, and
/// nothing is allocated.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

/// The candidate that was probably meant, or an empty view.
std::string_view closest(std::string_view text, const std::vector<std::string_view>& candidates);

}  // namespace vserd::base
