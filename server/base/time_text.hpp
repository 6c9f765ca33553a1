#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vserd::base {

/// "2026-12-31T23:59:59Z", "2026-12-31T23:59:59.5+02:00" (RFC 3339; fractions are dropped), or "2026-12-31", which is the
/// beginning of that day in UTC. Failure::invalid_argument with a message that shows the grammar.
Result<std::chrono::sys_seconds> parse_time(std::string_view text);
/// "2026-12-31T23:59:59Z".
std::string time_text(std::chrono::sys_seconds time);

}  // namespace vserd::base
