#pragma once

#include "line/settings.hpp"

namespace vserd::test {

/// Throws where a line cannot be asked for them.
inline line::ValidSettings valid(const line::Settings& settings) { return line::ValidSettings::of(settings).value(); }

}  // namespace vserd::test
