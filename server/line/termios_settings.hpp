#pragma once

#include "base/result.hpp"
#include "line/line.hpp"
#include "line/settings.hpp"

struct termios2;  // of <asm/termbits.h>, which cannot share a file with <termios.h>

namespace vserd::line {

/// Puts `settings` into `raw` and makes the rest raw: every byte passes as it is, in and out, breaks are not turned
/// into NUL bytes, and modem lines are ignored. Only 5 data bits can have 1.5 stop bits on a tty:
/// other combinations are Failure::invalid_argument with subject "format.stop_bits".
Result<void> put_settings(const Settings& settings, const LineOptions& options, termios2& raw);
void put_options(const LineOptions& options, termios2& raw) noexcept;

/// What the driver says is in force.
Settings settings_of(const termios2& raw);

}  // namespace vserd::line
