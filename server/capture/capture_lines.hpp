#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "capture/capture.hpp"

/// The lines of a capture file as values. The messages of errors say what is wrong with the line, and how to mend it.
namespace vserd::capture {

std::string to_line(const Header& header);
std::string to_line(const Record& record);
std::string to_line(const End& end);

Result<Header> parse_header(std::string_view line);
Result<std::variant<Record, End>> parse_line(std::string_view line);

/// "2026-12-31T23:59:59.123456789Z". Fractions of up to nine digits are read.
std::string to_text(Time time);
Result<Time> parse_time(std::string_view text);

}  // namespace vserd::capture
