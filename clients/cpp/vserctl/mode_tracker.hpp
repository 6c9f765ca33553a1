#pragma once

#include <set>
#include <string>
#include <string_view>

namespace vserctl {

/// Watches what a device prints for terminal modes that it switches on (alternate screen, hidden cursor, mouse,
/// bracketed paste, keypad, colours), so that they can be undone when a program in it did not get to it before we
/// leave.
class ModeTracker {
public:
    void feed(std::string_view printed);
    /// What brings the terminal back; empty when there is nothing to undo.
    std::string undo() const;

private:
    void feed(char c);
    void end_sequence(char final);

    enum class Where { text, escape, sequence };
    Where where_ = Where::text;
    std::string parameters_;       // of the control sequence under way; bounded
    std::set<std::string> modes_;  // private modes that are not as they were; those of the list below only
    bool keypad_ = false;
    bool colours_ = false;
};

}  // namespace vserctl
