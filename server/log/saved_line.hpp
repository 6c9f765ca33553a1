#pragma once

#include <cstdint>
#include <optional>

#include "line/line.hpp"
#include "line/settings.hpp"
#include "log/log_layout.hpp"

/// The line's settings and status as words of a log's memory, so that the next process knows what events have reported.
namespace vserd::log {

/// Settings in one word, with a check.
std::uint64_t packed(const line::Settings& settings) noexcept;
/// Nothing if the word is damaged.
std::optional<line::Settings> unpacked(std::uint64_t word) noexcept;

/// Modem lines and error counters, in the words that the header has for them.
void save_status(LogHeader& header, const line::LineStatus& status) noexcept;
std::optional<line::LineStatus> saved_status(const LogHeader& header) noexcept;

}  // namespace vserd::log
