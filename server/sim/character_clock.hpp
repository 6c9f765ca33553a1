#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "line/settings.hpp"

namespace vserd::sim {

/// The time to send one character, at least a nanosecond.
inline std::chrono::nanoseconds character_time(const line::Settings& settings) noexcept {
    constexpr std::uint64_t ns_per_s = 1'000'000'000;
    const std::uint64_t ns =
        line::half_bits_per_character(settings.format) * ns_per_s / (2 * std::uint64_t{settings.baud});
    return std::chrono::nanoseconds(ns > 0 ? ns : 1);
}

/// Counts the characters that one direction of a line has carried. It runs while there is something to send. It keeps
/// fractions of a character between calls, so that the rate over a second is exact even if the calls are late.
class CharacterClock {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// The number of whole characters since the last call. Starts a stopped clock and returns 0.
    std::size_t due(Time now, std::chrono::nanoseconds character) noexcept {
        if (!character_began_) character_began_ = now;
        return now > *character_began_ ? static_cast<std::size_t>((now - *character_began_) / character) : 0;
    }
    void pass(std::size_t characters, std::chrono::nanoseconds character) noexcept {
        if (character_began_) *character_began_ += character * static_cast<std::int64_t>(characters);
    }
    /// When `characters` more will have been sent. Requires a running clock.
    Time when(std::size_t characters, std::chrono::nanoseconds character) const noexcept {
        return *character_began_ + character * static_cast<std::int64_t>(characters);
    }
    bool running() const noexcept { return character_began_.has_value(); }
    void stop() noexcept { character_began_.reset(); }

private:
    std::optional<Time> character_began_;
};

}  // namespace vserd::sim
