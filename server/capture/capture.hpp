#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "line/settings.hpp"

/// What a capture file holds: one port in both directions, with times. README.md describes the format.
namespace vserd::capture {

using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The version of the format that this program writes; it reads no other.
inline constexpr int format_version = 1;
/// Of bytes in one record.
inline constexpr std::size_t data_bytes_max = std::size_t{48} << 10U;
/// Of one line without its end.
inline constexpr std::size_t line_bytes_max = std::size_t{128} << 10U;

struct Header {
    std::string port;
    std::string log_id;

    friend bool operator==(const Header&, const Header&) = default;
};

enum class Direction : std::uint8_t { rx, tx };  ///< from the device, to the device
inline const char* name_of(Direction direction) noexcept { return direction == Direction::rx ? "rx" : "tx"; }

struct Data {
    Direction direction = Direction::rx;
    std::uint64_t offset = 0;  ///< of the first byte, in its direction
    std::vector<std::byte> bytes;

    friend bool operator==(const Data&, const Data&) = default;
};

/// The bytes [from, to) are missing, or only events if both are the same.
struct Gap {
    Direction direction = Direction::rx;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string reason;

    friend bool operator==(const Gap&, const Gap&) = default;
};

/// Something that happened on the port. What a replay cannot use has a text only.
struct Event {
    std::uint64_t offset = 0;  ///< of the next byte from the device
    std::string name;          ///< "offline", "online", "signals", "settings", "line_errors", "break", "notice", ...
    std::string text;          ///< for people: a reason, a device, who
    std::optional<line::Signals> signals = std::nullopt;
    std::optional<line::Settings> settings = std::nullopt;
    std::optional<line::LineErrors> errors = std::nullopt;  ///< since the event before

    friend bool operator==(const Event&, const Event&) = default;
};

struct Record {
    Time time;
    std::variant<Data, Gap, Event> content;

    friend bool operator==(const Record&, const Record&) = default;
};

/// The last line: without it, the file was cut off.
struct End {
    std::uint64_t records = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;

    friend bool operator==(const End&, const End&) = default;
};

}  // namespace vserd::capture
