#include "vserctl/log_options.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "vserctl/parse.hpp"
#include "vserctl/usage.hpp"

namespace vserctl {
namespace {

constexpr std::uint32_t context_lines_max = 100;  // the server's limit
constexpr std::size_t ports_max = 64;             // each has a thread

/// An option whose text `parse` understands.
template <class Value>
CLI::Option* add_parsed(CLI::App& app, const char* name, const char* help,
                        const std::function<Result<Value>(const std::string&)>& parse,
                        const std::function<void(const Value&)>& take) {
    const auto parse_or_throw = [name, parse, take](const std::string& text) { take(checked(parse(text), name)); };
    return app.add_option_function<std::string>(name, parse_or_throw, help);
}

CLI::Option* add_start(CLI::App& app, LogCommand& command, const char* name, const char* help, const char* prefix) {
    return add_parsed<vser::client::StartPoint>(
        app, name, help, [prefix](const std::string& text) { return parse_from(prefix + text); },
        [&command](const vser::client::StartPoint& from) { command.from = from; });
}

}  // namespace

std::optional<std::string> too_many(std::size_t ports, LogFormat format) {
    if (ports > ports_max) return fmt::format("{} ports are too many; the maximum is {}", ports, ports_max);
    if (ports > 1 && format == LogFormat::asciicast) return "--format asciicast records one port; name one";
    return std::nullopt;
}

void add_log_options(CLI::App& app, LogCommand& command) {
    add_port_choice(app, command.choice, "The names of the ports");
    auto* since = add_start(app, command, "--since", "Start at this time (2026-11-22T01:02:03Z), or this long ago: 10m",
                            "since:");
    since->type_name("TIME");
    add_start(app, command, "--from", "Where to start: oldest, live, OFFSET, tail:BYTES or since:TIME", "")
        ->type_name("WHERE")
        ->default_str("oldest")
        ->excludes(since);
    add_parsed<vser::client::EndPoint>(
        app, "--until", "End at this time, this long ago (10m), in the future (+10m, with --follow), or at an offset",
        [](const std::string& text) { return parse_until(text); },
        [&command](const vser::client::EndPoint& until) { command.until = until; })
        ->type_name("TIME");
    auto* grep = app.add_option("--grep", command.pattern, "Only lines that match this regular expression of RE2")
                     ->type_name("REGEX");
    for (const auto& [name, lines, help] :
         {std::tuple{"--before", &command.before, "With --grep: also this many lines before each, at most 100"},
          std::tuple{"--after", &command.after, "With --grep: also this many lines after each, at most 100"}}) {
        app.add_option(name, *lines, help)->type_name("N")->check(whole_number(0, context_lines_max))->needs(grep);
    }
    app.add_flag(
        "--timestamps", command.times_text,
        "Begin each line with its receive time in UTC; --timestamps=delta: with the time since the line before");
    app.add_option("--format", command.format_text,
                   "text, json (one object per line) or asciicast (one port; for asciinema)")
        ->type_name("FORMAT")
        ->capture_default_str()
        ->check(one_of({"text", "json", "asciicast"}));
    app.add_flag("-f,--follow", command.follow, "Continue with new lines; reconnect automatically");
}

LogCommand checked_log(const LogCommand& command, bool json) {
    LogCommand checked = command;
    // CLI11 says "true" for a flag without a value.
    if (command.times_text == "iso" || command.times_text == "true") checked.times = LogTimes::iso;
    if (command.times_text == "delta") checked.times = LogTimes::delta;
    if (!command.times_text.empty() && checked.times == LogTimes::none) {
        refuse(fmt::format("--timestamps: '{}' is unknown; write iso or delta", command.times_text));
    }
    if (json || command.format_text == "json") checked.format = LogFormat::json;
    if (command.format_text == "asciicast") checked.format = LogFormat::asciicast;
    const auto& names = command.choice.names;
    if (names.empty() && !command.choice.labels) refuse("name a PORT, or choose ports by --labels");
    if (std::set<std::string>(names.begin(), names.end()).size() < names.size()) refuse("a PORT is named twice");
    if (const auto problem = too_many(names.size(), checked.format)) refuse(*problem);
    if (checked.times != LogTimes::none && checked.format != LogFormat::text) {
        refuse("--timestamps is for --format text; the other formats have times anyway");
    }
    if (checked.format != LogFormat::asciicast) return checked;
    if (json) refuse("--json and --format asciicast exclude each other");
    if (!checked.pattern.empty()) refuse("--format asciicast records everything; leave out --grep");
    return checked;
}

}  // namespace vserctl
