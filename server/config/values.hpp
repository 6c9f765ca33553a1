#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

/// The small grammars inside strings. All pure; failures are Failure::invalid_argument with a message that shows the
/// grammar.
namespace vserd::config {

/// "512B", "64KiB", "1MiB", "2GiB": bytes.
Result<std::int64_t> parse_size(std::string_view text);
/// The inverse, in the largest unit that divides it.
std::string size_text(std::int64_t bytes);

/// "500ms", "5s", "2m".
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

struct Address {
    std::string host;  ///< without brackets; the path of a Unix socket
    std::uint16_t port = 0;
    bool unix_socket = false;
    bool local = false;  ///< only this machine can reach it; a name other than "localhost" counts as remote

    friend bool operator==(const Address&, const Address&) = default;
};

/// "HOST:PORT", "[IPV6]:PORT" or "unix:/PATH". Port 0 means a free one. Names are not resolved.
Result<Address> parse_address(std::string_view text);

/// The candidate that was probably meant, or an empty view.
std::string_view closest(std::string_view text, const std::vector<std::string_view>& candidates);

/// "a", "a or b", "a, b or c".
std::string one_of(const std::vector<std::string_view>& words);

}  // namespace vserd::config
