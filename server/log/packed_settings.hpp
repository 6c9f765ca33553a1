#pragma once

#include <cstdint>
#include <optional>

#include "line/settings.hpp"

namespace vserd::log {

/// Settings in one word, with a check.
std::uint64_t packed(const line::Settings& settings) noexcept;
/// Nothing if the word is damaged.
std::optional<line::Settings> unpacked(std::uint64_t word) noexcept;

}  // namespace vserd::log
