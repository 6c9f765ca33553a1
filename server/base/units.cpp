#include "base/units.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace vserd::base {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t factor;
};

constexpr std::array<Unit, 4> size_units{{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}};
constexpr std::array<Unit, 5> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}}};

/// A whole number multiplied by one of `units`. Nothing if the text has another form or the result exceeds 63 bits.
template <std::size_t Count>
std::optional<std::int64_t> with_unit(std::string_view text, const std::array<Unit, Count>& units) {
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == suffix; });
    if (unit == units.end() || number > std::numeric_limits<std::int64_t>::max() / unit->factor) return std::nullopt;
    return number * unit->factor;
}

Error not_a(const char* what, std::string_view text, const char* grammar) {
    return {Failure::invalid_argument,
            0,
            {},
            fmt::format("'{}' is not a {}; write a whole number with {}", text, what, grammar)};
}

}  // namespace

Result<std::int64_t> parse_size(std::string_view text) {
    if (const auto bytes = with_unit(text, size_units)) return *bytes;
    return not_a("size", text, "B, KiB, MiB or GiB, such as \"64KiB\"");
}

std::string size_text(std::int64_t bytes) {
    const auto unit = std::find_if(size_units.begin(), size_units.end(),
                                   [&](const Unit& u) { return bytes >= u.factor && bytes % u.factor == 0; });
    return unit == size_units.end() ? "0B" : std::to_string(bytes / unit->factor) + std::string(unit->name);
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    if (const auto milliseconds = with_unit(text, duration_units)) return std::chrono::milliseconds{*milliseconds};
    return not_a("duration", text, "ms, s, min or h, such as \"5s\"");
}

}  // namespace vserd::base
