#pragma once

#include <string>
#include <vector>

namespace vserctl {

enum class Colour { plain, good, bad, dim };

/// Whether to use colours: stdout is a terminal that supports them, and NO_COLOR is not set.
bool stdout_wants_colour();
/// Returns the text in a colour, or unchanged.
std::string coloured(const std::string& text, Colour colour, bool wanted);

/// Columns with headings. Without colours it is plain text with one line per row, for use in pipes.
class Table {
public:
    struct Cell {
        std::string text;
        Colour colour = Colour::plain;
    };

    explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
    /// Requires as many cells as headings.
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    std::string text(bool colour) const;

private:
    std::vector<std::string> headings_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace vserctl
