#pragma once

#include "base/result.hpp"
#include "line/line.hpp"
#include "line/settings.hpp"

struct termios2;  // from <asm/termbits.h>, which cannot be included with <termios.h>

namespace vserd::line {

/// Writes `settings` to `raw` and sets raw mode: all bytes pass unchanged in both directions, breaks do not become NUL bytes,
/// and modem lines are ignored. A tty has 1.5 stop bits only with 5 data bits. Other combinations fail with
/// Failure::invalid_argument and subject "format.stop_bits".
Result<void> put_settings(const Settings& settings, const LineOptions& options, termios2& raw);
void put_options(const LineOptions& options, termios2& raw) noexcept;

/// The settings in force according to the driver.
Settings settings_of(const termios2& raw);

}  // namespace vserd::line
