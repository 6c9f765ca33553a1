#include "sim/sim_spec.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include "base/units.hpp"

namespace vserd::sim {
namespace {

constexpr std::size_t id_chars_max = 64;
constexpr double speed_min = 0.001;
constexpr double speed_max = 1'000'000;
constexpr std::string_view parameters_known =
    "id, unpaced, drop, flip, seed, unplug_after_bytes, unplug_for, en_rise, open_fails, hangs, hang_for, and of "
    "sim:replay file, speed, loop";

Error invalid(std::string message) { return Error{Failure::invalid_argument, 0, "device", std::move(message)}; }

template <class Number>
Result<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) {
        return invalid(fmt::format("'{}' is not a number from 0 to {}", text, std::numeric_limits<Number>::max()));
    }
    return number;
}

Result<bool> parse_switch(std::string_view text) {
    if (text == "1") return true;
    if (text == "0") return false;
    return invalid(fmt::format("'{}' is neither 0 nor 1", text));
}

Result<SimHang> parse_hang(std::string_view text) {
    if (text == "open") return SimHang::open;
    if (text == "signals") return SimHang::signals;
    if (text == "close") return SimHang::close;
    return invalid(fmt::format("'{}' is not a call that can hang: use open, signals or close", text));
}

Result<std::string> parse_id(std::string_view text) {
    const auto good = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
    if (text.empty() || text.size() > id_chars_max || !std::ranges::all_of(text, good)) {
        return invalid(fmt::format("'{}' is not an id: write 1 to 64 letters, digits, '-', '_' or '.'", text));
    }
    return std::string(text);
}

Result<std::string> parse_file(std::string_view text) {
    if (text.starts_with('/')) return std::string(text);
    return invalid(fmt::format("'{}' is not the absolute path of a capture (which must not contain '&')", text));
}

Result<double> parse_speed(std::string_view text) {
    if (text == "max") return 0.0;
    double speed = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || !(speed >= speed_min && speed <= speed_max))
        return invalid(fmt::format(
            "'{}' is not a speed: write max, or a factor from 0.001 to 1000000, such as 1, 10 or 0.5", text));
    return speed;
}

template <class Value>
Result<void> store(Value& place, Result<Value> parsed) {
    if (!parsed) return parsed.error();
    place = *std::move(parsed);
    return {};
}

Result<void> put_parameter(SimSpec& spec, std::string_view name, std::string_view value) {
    if (name == "id") return store(spec.id, parse_id(value));
    if (name == "unpaced") return store(spec.unpaced, parse_switch(value));
    if (name == "drop") return store(spec.faults.drop, parse_sim_rate(value));
    if (name == "flip") return store(spec.faults.flip, parse_sim_rate(value));
    if (name == "seed") return store(spec.seed, parse_number<std::uint64_t>(value));
    if (name == "unplug_after_bytes") return store(spec.unplug_after_bytes, parse_number<std::uint64_t>(value));
    if (name == "unplug_for") return store(spec.unplug_for, parse_sim_duration(value));
    if (name == "en_rise") return store(spec.en_rise, parse_sim_duration(value));
    if (name == "open_fails") return store(spec.open_fails, parse_number<std::uint32_t>(value));
    if (name == "hangs") return store(spec.hangs, parse_hang(value));
    if (name == "hang_for") return store(spec.hang_for, parse_sim_duration(value));
    const bool is_replay = spec.model == SimModel::replay;
    if (is_replay && name == "file") return store(spec.replay.file, parse_file(value));
    if (is_replay && name == "speed") return store(spec.replay.speed, parse_speed(value));
    if (is_replay && name == "loop") return store(spec.replay.loop, parse_switch(value));
    return invalid("no such parameter; known are " + std::string(parameters_known));
}

Result<SimModel> parse_model(std::string_view name) {
    if (name == "echo") return SimModel::echo;
    if (name == "console") return SimModel::console;
    if (name == "esp") return SimModel::esp;
    if (name == "replay") return SimModel::replay;
    return invalid(
        fmt::format("'sim:{}' is not a simulated device: use sim:echo, sim:console, sim:esp or sim:replay", name));
}

/// A replay goes on where it was when the device is opened again, and the times are those of the capture.
Result<void> complete_replay(SimSpec& spec, std::string_view device) {
    if (spec.model != SimModel::replay) return {};
    if (spec.replay.file.empty())
        return invalid("sim:replay needs the file of a capture: sim:replay?file=/PATH (see vserctl archive export)");
    if (spec.id.empty()) spec.id = device;
    spec.unpaced = true;
    return {};
}

}  // namespace

Result<SimSpec> parse_sim_spec(std::string_view device) {
    const std::string_view whole = device;
    device.remove_prefix(std::min(device.size(), std::string_view("sim:").size()));
    const auto query_at = device.find('?');
    SimSpec spec;
    if (auto put = store(spec.model, parse_model(device.substr(0, query_at))); !put) return put.error();
    std::string_view query = query_at == std::string_view::npos ? std::string_view{} : device.substr(query_at + 1);
    while (!query.empty()) {
        const auto parameter = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), parameter.size() + 1));
        const auto equals = parameter.find('=');
        const auto name = parameter.substr(0, equals);
        const auto value = equals == std::string_view::npos ? std::string_view{} : parameter.substr(equals + 1);
        const auto put = put_parameter(spec, name, value);
        if (!put) return invalid(fmt::format("device parameter '{}': {}", name, put.error().message));
    }
    if (auto complete = complete_replay(spec, whole); !complete) return complete.error();
    if (spec.open_fails > 0 && spec.id.empty()) {
        return invalid("device parameter 'open_fails' needs an id, for without one each open makes a new device");
    }
    return spec;
}

Result<std::chrono::milliseconds> parse_sim_duration(std::string_view text) {
    const auto length = base::parse_duration(text);
    if (!length) return invalid(length.error().message);
    if (*length > std::chrono::hours(1)) return invalid(fmt::format("'{}' is longer than an hour", text));
    return *length;
}

Result<double> parse_sim_rate(std::string_view text) {
    double rate = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || !(rate >= 0 && rate <= 1)) {
        return invalid(fmt::format("'{}' is not a rate: write 0 to 1, such as 0.01", text));
    }
    return rate;
}

}  // namespace vserd::sim
