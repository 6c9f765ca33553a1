#include "base/usage.hpp"

#include <fmt/core.h>

#include "base/spelling.hpp"

namespace vserd::base {

std::string unexpected_argument(std::string_view argument, const std::vector<std::string>& options) {
    if (!argument.starts_with('-') || argument == "-")
        return fmt::format("unexpected argument '{}'; quote an argument that contains spaces", argument);
    const auto name = argument.substr(0, argument.find('='));
    const auto meant = closest(name, {options.begin(), options.end()});
    return fmt::format("unknown option {}{}", name, meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
}

std::string missing_value(std::string_view text) {
    constexpr std::string_view middle = ": 1 required ";
    constexpr std::string_view end = " missing";
    const auto at = text.find(middle);
    if (at == text.npos || !text.ends_with(end)) return std::string(text);
    const auto value = text.substr(at + middle.size());
    return fmt::format("{} needs a value: {}", text.substr(0, at), value.substr(0, value.size() - end.size()));
}

}  // namespace vserd::base
