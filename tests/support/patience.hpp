#pragma once

#include <chrono>

namespace vserd::test {

/// How long anything may take before a test fails.
inline constexpr std::chrono::seconds patience{30};

}  // namespace vserd::test
