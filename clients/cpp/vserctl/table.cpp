#include "vserctl/table.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace vserctl {
namespace {

constexpr std::string_view reset = "\x1b[0m";
constexpr std::string_view bold = "\x1b[1m";

/// The number of code points, which is the width of most text on the screen.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string_view code(Colour colour) {
    switch (colour) {
        case Colour::good: return "\x1b[32m";
        case Colour::bad: return "\x1b[31m";
        case Colour::dim: return "\x1b[2m";
        case Colour::plain: break;
    }
    return {};
}

}  // namespace

bool stdout_wants_colour() {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool refused =
        (no_colour != nullptr && *no_colour != '\0') || (terminal != nullptr && std::string_view(terminal) == "dumb");
    return !refused && ::isatty(STDOUT_FILENO) == 1;
}

std::string coloured(const std::string& text, Colour colour, bool wanted) {
    const auto begin = code(colour);
    if (!wanted || begin.empty()) return text;
    return std::string(begin) + text + std::string(reset);
}

std::string Table::text(bool colour) const {
    std::vector<std::size_t> widths;
    for (const auto& heading : headings_) widths.push_back(width(heading));
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], width(row[i].text));
    }

    std::string out;
    const auto put = [&](std::size_t column, const std::string& plain, const std::string& shown) -> std::string& {
        out += shown;
        if (column + 1 < widths.size()) return out.append(widths[column] - width(plain) + 2, ' ');
        out.erase(out.find_last_not_of(' ') + 1);
        return out.append("\n");
    };
    for (std::size_t i = 0; i < headings_.size(); ++i) {
        put(i, headings_[i], colour ? std::string(bold) + headings_[i] + std::string(reset) : headings_[i]);
    }
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < widths.size(); ++i)
            put(i, row[i].text, coloured(row[i].text, row[i].colour, colour));
    }
    return out;
}

}  // namespace vserctl
