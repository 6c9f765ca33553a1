#include "vserctl/mode_tracker.hpp"

#include <algorithm>
#include <array>

namespace vserctl {
namespace {

// Private modes (xterm's control sequences) that spoil a shell when they stay: those that are off in a fresh terminal
// ...
constexpr std::array<std::string_view, 13> normally_off{"1",    "47",   "1000", "1001", "1002", "1003", "1004",
                                                        "1005", "1006", "1015", "1047", "1049", "2004"};
// ... and those that are on: line wrap and the cursor.
constexpr std::array<std::string_view, 2> normally_on{"7", "25"};
constexpr std::size_t parameters_bytes_max = 64;

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& list, std::string_view mode) {
    return std::find(list.begin(), list.end(), mode) != list.end();
}

}  // namespace

void ModeTracker::feed(std::string_view printed) {
    while (!printed.empty()) {
        if (where_ == Where::text) {
            const auto escape = printed.find('\x1b');  // nearly all output has none
            if (escape == std::string_view::npos) return;
            where_ = Where::escape;
            printed.remove_prefix(escape);
        } else {
            feed(printed.front());
        }
        printed.remove_prefix(1);
    }
}

void ModeTracker::feed(char c) {
    if (where_ == Where::escape) {
        where_ = c == '[' ? Where::sequence : c == '\x1b' ? Where::escape : Where::text;
        parameters_.clear();
        if (c == '=') keypad_ = true;
        if (c == '>') keypad_ = false;
        if (c == 'c') *this = ModeTracker();  // full reset
        return;
    }
    if (c >= 0x40 && c <= 0x7E) {
        end_sequence(c);
        where_ = Where::text;
    } else if (c == '\x1b') {
        where_ = Where::escape;
    } else if (parameters_.size() < parameters_bytes_max) {
        parameters_ += c;
    }
}

void ModeTracker::end_sequence(char final) {
    if (final == 'm') colours_ = !(parameters_.empty() || parameters_ == "0");
    if ((final != 'h' && final != 'l') || parameters_.empty() || parameters_[0] != '?') return;
    std::string_view rest = std::string_view(parameters_).substr(1);
    while (!rest.empty()) {
        const auto end = rest.find(';');
        const auto mode = rest.substr(0, end);
        if (holds(normally_off, mode) || holds(normally_on, mode)) {
            const bool usual = (final == 'h') == holds(normally_on, mode);
            if (usual) {
                modes_.erase(std::string(mode));
            } else {
                modes_.emplace(mode);
            }
        }
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
}

std::string ModeTracker::undo() const {
    std::string out;
    for (const auto& mode : modes_) out += "\x1b[?" + mode + (holds(normally_on, mode) ? "h" : "l");
    if (keypad_) out += "\x1b>";
    if (colours_) out += "\x1b[0m";
    return out;
}

}  // namespace vserctl
