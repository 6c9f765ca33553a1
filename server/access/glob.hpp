#pragma once

#include <string_view>

namespace vserd::access {

/// Whether the whole text matches. '*' stands for any number of characters, also '/' and '.', and '?' for one UTF-8 character.
/// Nothing else is special. Takes at most length of `glob` times length of `text` steps; allocates nothing.
bool glob_matches(std::string_view glob, std::string_view text) noexcept;

}  // namespace vserd::access
