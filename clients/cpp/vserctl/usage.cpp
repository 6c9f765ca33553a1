#include "vserctl/usage.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/spelling.hpp"
#include "base/text.hpp"
#include "base/usage.hpp"

namespace vserctl {
namespace {

std::vector<std::string> names_of_commands(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
    return names;
}

/// CLI11 would only say that a command is required.
std::string command_message(const CLI::App& app) {
    const auto names = names_of_commands(app);
    const auto unknown = app.remaining();
    if (unknown.empty()) return fmt::format("a command is required: {}", vserd::base::joined(names, ", "));
    const auto meant = vserd::base::closest(unknown.front(), {names.begin(), names.end()});
    if (!meant.empty()) return fmt::format("'{}' is not a command; did you mean '{}'?", unknown.front(), meant);
    return fmt::format("'{}' is not a command: {}", unknown.front(), vserd::base::joined(names, ", "));
}

void add_options(const CLI::App& app, std::vector<std::string>& names) {
    for (const CLI::Option* option : app.get_options())
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
}

std::string extras_message(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands()) add_options(*command, names);
    add_options(app, names);
    const auto extras = app.remaining(true);
    return extras.empty() ? std::string() : vserd::base::unexpected_argument(extras.front(), names);
}

bool is_whole_number(const std::string& text, std::uint64_t least, std::uint64_t most) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= least && value <= most;
}

}  // namespace

void refuse(const std::string& message) { throw CLI::ValidationError(message, CLI::ExitCodes::ValidationError); }

CLI::Validator one_of(std::vector<std::string> words) {
    const auto problem = [words = std::move(words)](const std::string& text) {
        if (std::ranges::find(words, text) != words.end()) return std::string();
        return fmt::format("'{}' is unknown; write {}", text, vserd::base::joined(words, " or "));
    };
    return {problem, ""};
}

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
    const auto problem = [least, most](const std::string& text) {
        if (is_whole_number(text, least, most)) return std::string();
        return fmt::format("'{}' must be a whole number from {} to {}", text, least, most);
    };
    return {problem, ""};
}

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
    if (app.get_subcommands().empty() && error.get_name() == "RequiredError") return command_message(app);
    // Its name would be that of the program.
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) return extras_message(app);
    return vserd::base::missing_value(error.what());
}

}  // namespace vserctl
