#pragma once

#include <string_view>

namespace vserd::test {

/// Whether the system has what the engine of that name needs, asked without any of our code. Then the engine may not refuse, and
/// a test that would skip because it did has to fail: else a broken engine would pass everywhere.
bool system_grants(std::string_view engine);

}  // namespace vserd::test
