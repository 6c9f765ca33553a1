#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vser_client/result.hpp"
#include "vser_client/types.hpp"

/// Parsers for command line values. They have no side effects. An error message shows the correct syntax.
namespace vserctl {

using vser::client::Result;

/// "4096", "64K", "1M" (also "KiB", "MiB"): bytes, in powers of 1024.
Result<std::uint64_t> parse_bytes(std::string_view text);
/// "250ms", "1.5s", "10m" (or "10min"), "2h", "1d"; a bare number is seconds.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "oldest", "live", "OFFSET", "tail:BYTES", "since:TIME" with an RFC 3339 time in UTC or an age such as "10m", which the
/// server resolves. A space may replace the colon.
Result<vser::client::StartPoint> parse_from(std::string_view text);
/// An offset, an RFC 3339 time in UTC, or a duration: an age, which the server resolves, or with '+' the time from now.
Result<vser::client::EndPoint> parse_until(std::string_view text);
/// "HOST[:PORT]", "[IPV6][:PORT]" or "unix:PATH". The default port is 50051.
Result<std::string> parse_server(std::string_view text);
/// Words such as "dtr=on" and "rts=off", each output at most once.
Result<vser::client::SignalChange> parse_signal_change(const std::vector<std::string>& words);
/// The escape key of `attach`: "^]", "^A". Returns -1 for "none".
Result<int> parse_escape_key(std::string_view text);
/// Replaces \r \n \t \b \a \e \0 \\ and \xHH.
Result<std::string> unescape(std::string_view text);

}  // namespace vserctl
