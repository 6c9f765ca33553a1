#pragma once

#include <cstdint>
#include <optional>

#include "line/settings.hpp"

namespace vserd::log {

/// Settings in one word, with a checksum.
std::uint64_t packed(const line::Settings& settings) noexcept;
/// Empty if the checksum is wrong.
std::optional<line::Settings> unpacked(std::uint64_t word) noexcept;

}  // namespace vserd::log
