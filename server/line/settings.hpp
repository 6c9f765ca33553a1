#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vserd::line {

enum class Parity : std::uint8_t { none, odd, even, mark, space };
enum class StopBits : std::uint8_t { one, one_and_half, two };
enum class FlowControl : std::uint8_t { none, rts_cts, xon_xoff };

/// The frame of a character.
struct Format {
    std::uint8_t data_bits = 8;  ///< 5 to 8
    Parity parity = Parity::none;
    StopBits stop_bits = StopBits::one;
    FlowControl flow_control = FlowControl::none;

    friend bool operator==(const Format&, const Format&) = default;
};

struct Settings {
    std::uint32_t baud = 115200;  ///< bits per second, at least 1
    Format format;

    friend bool operator==(const Settings&, const Settings&) = default;
};

/// The modem lines: two outputs and four inputs.
struct Signals {
    bool dtr = false;
    bool rts = false;
    bool cts = false;
    bool dsr = false;
    bool dcd = false;
    bool ri = false;

    friend bool operator==(const Signals&, const Signals&) = default;
};

/// A change of the outputs; unset keeps a modem line as it is.
struct SignalChange {
    std::optional<bool> dtr = std::nullopt;
    std::optional<bool> rts = std::nullopt;
};

/// Counted by the driver. The driver decides when counting starts, so only differences are meaningful.
struct LineErrors {
    std::uint64_t frame = 0;
    std::uint64_t parity = 0;
    std::uint64_t overrun = 0;
    std::uint64_t breaks = 0;

    LineErrors& operator+=(const LineErrors& more) noexcept {
        frame += more.frame;
        parity += more.parity;
        overrun += more.overrun;
        breaks += more.breaks;
        return *this;
    }
    friend bool operator==(const LineErrors&, const LineErrors&) = default;
};

enum class FlushDirection : std::uint8_t { input, output, both };

/// A change of settings; unset members keep the present value.
struct SettingsChange {
    std::optional<std::uint32_t> baud = std::nullopt;
    std::optional<std::uint8_t> data_bits = std::nullopt;
    std::optional<Parity> parity = std::nullopt;
    std::optional<StopBits> stop_bits = std::nullopt;
    std::optional<FlowControl> flow_control = std::nullopt;
};

/// Settings whose values are all in range. Made once, where the values enter vserd. A device may still not support them.
/// (A driver reports plain Settings, because another program may set speed 0.)
class ValidSettings {
public:
    ValidSettings() = default;
    /// Failure::invalid_argument with subject "baud", "format.data_bits", ...
    static Result<ValidSettings> of(const Settings& settings);

    const Settings& get() const noexcept { return settings_; }
    operator const Settings&() const noexcept { return settings_; }  // NOLINT(google-explicit-constructor)

    friend bool operator==(const ValidSettings&, const ValidSettings&) = default;

private:
    explicit ValidSettings(const Settings& settings) : settings_(settings) {}

    Settings settings_;
};

/// Applies `change` to `current`. Errors: see ValidSettings::of().
Result<ValidSettings> with_change(const Settings& current, const SettingsChange& change);

/// Parses "8N1", "7E2", "5N1.5", optionally followed by "/rtscts" or "/xonxoff"; case does not matter.
/// Failure::invalid_argument with subject "format" and a message that shows the grammar.
Result<Format> parse_format(std::string_view text);
/// The inverse of parse_format: "8N1", "7E2/rtscts".
std::string to_string(const Format& format);

/// The length of a character in half bits, including the start bit: 8N1 is 20.
std::uint32_t half_bits_per_character(const Format& format) noexcept;

}  // namespace vserd::line
