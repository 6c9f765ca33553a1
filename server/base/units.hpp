#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

/// Numbers with a unit. Failures are Failure::invalid_argument with a message that shows the grammar.
namespace vserd::base {

/// "512B", "64KiB", "1MiB", "2GiB": bytes.
Result<std::int64_t> parse_size(std::string_view text);
/// The inverse, in the largest unit that divides it.
std::string size_text(std::int64_t bytes);

/// "500ms", "5s", "2min" or "2m", "1h".
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace vserd::base
