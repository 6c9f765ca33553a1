#include "vserctl/parse.hpp"

#include <fmt/core.h>
#include <time.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

namespace vserctl {
namespace {

using vser::client::Error;
using vser::client::StartPoint;
using vser::client::Time;

Error bad(std::string message) { return {.code = vser::client::Code::invalid_argument, .message = std::move(message)}; }

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// "2026-11-22T01:02:03.5Z".
std::optional<Time> parse_rfc3339(const std::string& text) {
    tm parts{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr) return std::nullopt;
    std::chrono::nanoseconds fraction{0};
    if (*rest == '.') {
        std::chrono::nanoseconds unit{std::chrono::milliseconds{100}};
        for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) fraction += unit * (*rest - '0');
    }
    if (*rest != 'Z' || rest[1] != '\0') return std::nullopt;
    // A time_point of nanoseconds covers the years 1677 to 2262.
    constexpr auto seconds_max = std::chrono::duration_cast<std::chrono::seconds>(Time::duration::max()).count() - 1;
    const std::int64_t whole = ::timegm(&parts);
    if (whole < -seconds_max || whole > seconds_max) return std::nullopt;
    return Time(std::chrono::seconds(whole) + fraction);
}

Result<StartPoint> parse_since(std::string_view text) {
    if (const auto time = parse_rfc3339(std::string(text))) return StartPoint::since(*time);
    if (const auto age = parse_duration(text)) return StartPoint::age(*age);
    return bad(fmt::format("'{}' is neither a time such as 2026-11-22T01:02:03Z nor an age such as 10m", text));
}

std::optional<int> hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
    const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
    const auto unit = text.substr(digits.size());
    const auto value = parse_number(digits);
    int shift = -1;
    if (unit.empty()) shift = 0;
    if (unit == "K" || unit == "k" || unit == "KiB") shift = 10;
    if (unit == "M" || unit == "MiB") shift = 20;
    if (unit == "G" || unit == "GiB") shift = 30;
    if (!value || shift < 0 || *value > (UINT64_MAX >> shift)) {
        return bad(fmt::format("'{}' is not a number of bytes: write 4096, 64K or 1M", text));
    }
    return *value << shift;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    struct Unit {
        std::string_view name;
        double milliseconds;
    };
    static constexpr std::array<Unit, 7> units{
        {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60e3}, {"min", 60e3}, {"h", 3600e3}, {"d", 86400e3}}};
    constexpr double longest_ms = 9e12;  // 285 years; keeps the arithmetic on nanoseconds in range

    const auto digits = text.substr(0, text.find_first_not_of("0123456789."));
    const auto unit = text.substr(digits.size());
    for (const auto& known : units) {
        if (known.name != unit || digits.empty()) continue;
        const std::string number(digits);
        char* end = nullptr;
        const auto value = std::strtod(number.c_str(), &end) * known.milliseconds;
        if (*end == '\0' && end != number.c_str() && value <= longest_ms) {
            return std::chrono::milliseconds(std::llround(value));
        }
    }
    return bad(fmt::format("'{}' is not a duration: write 250ms, 1.5s, 10m, 2h or 1d", text));
}

Result<StartPoint> parse_from(std::string_view text) {
    if (text == "oldest") return StartPoint::oldest();
    if (text == "live") return StartPoint::live();
    if (const auto offset = parse_number(text)) return StartPoint::offset(*offset);
    const auto separator = text.find_first_of(": =");
    const auto word = text.substr(0, separator);
    if (separator != std::string_view::npos && word == "tail") {
        const auto bytes = parse_bytes(text.substr(separator + 1));
        if (!bytes) return bytes.error();
        return StartPoint::tail_bytes(*bytes);
    }
    if (separator != std::string_view::npos && word == "since") return parse_since(text.substr(separator + 1));
    return bad(fmt::format("'{}' is not a position in the log: write oldest, live, an offset, tail:BYTES or since:TIME",
                           text));
}

Result<vser::client::EndPoint> parse_until(std::string_view text) {
    using vser::client::EndPoint;
    if (const auto offset = parse_number(text)) return EndPoint::offset(*offset);
    if (const auto time = parse_rfc3339(std::string(text))) return EndPoint::time(*time);
    const bool ahead = text.starts_with('+');
    if (const auto duration = parse_duration(text.substr(ahead ? 1 : 0))) {
        return ahead ? EndPoint::time(std::chrono::system_clock::now() + *duration) : EndPoint::age(*duration);
    }
    return bad(
        fmt::format("'{}' is not the end of a log: write a time such as 2026-11-22T01:02:03Z, an age such as 10m, +10m "
                    "or an offset",
                    text));
}

Result<std::string> parse_server(std::string_view text) {
    if (text.starts_with("unix:") && text.size() > 5) return std::string(text);
    const bool is_ipv6 = text.starts_with('[');
    const auto bracket = text.find(']');
    const auto host_end = !is_ipv6 ? text.find(':') : bracket == text.npos ? text.npos : bracket + 1;
    const auto host = text.substr(0, host_end);
    const auto rest = host_end == text.npos ? std::string_view() : text.substr(host_end);
    const auto number = rest.starts_with(':') ? parse_number(rest.substr(1)) : std::nullopt;
    const auto port = number.value_or(0);

    const bool host_is_right = is_ipv6 ? bracket != text.npos && host.find(':') != host.npos
                                       : !host.empty() && host != "unix" && host.find_first_of("/[] \t") == host.npos;
    const bool port_is_right = rest.empty() || (port > 0 && port <= 65535);
    if (!host_is_right || !port_is_right) {
        return bad(fmt::format("the server '{}' is not an address: write HOST:PORT, [IPV6]:PORT or unix:/PATH", text));
    }
    return std::string(text) + (rest.empty() ? ":50051" : "");
}

Result<vser::client::SignalChange> parse_signal_change(const std::vector<std::string>& words) {
    vser::client::SignalChange change;
    for (const auto& word : words) {
        const auto equals = word.find('=');
        const auto line = word.substr(0, equals);
        const auto value = equals == std::string::npos ? std::string() : word.substr(equals + 1);
        const bool on = value == "on" || value == "1" || value == "true";
        const bool off = value == "off" || value == "0" || value == "false";
        if ((line != "dtr" && line != "rts") || on == off) {
            return bad(
                fmt::format("'{}' is not an output and its state: write dtr=on, dtr=off, rts=on or rts=off (the other "
                            "lines are inputs)",
                            word));
        }
        auto& state = line == "dtr" ? change.dtr : change.rts;
        if (state) return bad(fmt::format("'{}' is given twice; give it one state", line));
        state = on;
    }
    return change;
}

Result<int> parse_escape_key(std::string_view text) {
    if (text == "none") return -1;
    if (text.size() == 2 && text[0] == '^') {
        const int key = std::toupper(static_cast<unsigned char>(text[1]));
        if (key >= '@' && key <= '_') return key & 0x1f;
    }
    return bad(fmt::format("'{}' is not a control key: write ^], ^A and so on, or none", text));
}

Result<std::string> unescape(std::string_view text) {
    static constexpr std::string_view letters = "rntbae0\\";
    static constexpr std::string_view meanings{"\r\n\t\b\a\x1b\0\\", 8};
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        const char letter = i + 1 < text.size() ? text[i + 1] : ' ';
        if (const auto known = letters.find(letter); known != std::string_view::npos) {
            out += meanings[known];
            ++i;
            continue;
        }
        const auto high = letter == 'x' && i + 3 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
        const auto low = high ? hex_digit(text[i + 3]) : std::nullopt;
        if (!low) {
            return bad(fmt::format("'{}' is not an escape: write \\r \\n \\t \\b \\a \\e \\0 \\\\ or \\xHH",
                                   text.substr(i, 4)));
        }
        out += static_cast<char>(*high * 16 + *low);
        i += 3;
    }
    return out;
}

}  // namespace vserctl
