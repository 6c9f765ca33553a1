#pragma once

#include <string>
#include <vector>

namespace vserctl {

enum class Colour { plain, good, bad, dim };

/// True when colours are wanted: stdout is a terminal that can show them and NO_COLOR is not set.
bool stdout_wants_colour();
/// The text in a colour, or as it is.
std::string coloured(const std::string& text, Colour colour, bool wanted);

/// Columns under headings. Plain text of one line per row when colours are not wanted, so that pipes can cut it.
class Table {
public:
    struct Cell {
        std::string text;
        Colour colour = Colour::plain;
    };

    explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
    /// Requires: as many cells as headings.
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    std::string text(bool colour) const;

private:
    std::vector<std::string> headings_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace vserctl
