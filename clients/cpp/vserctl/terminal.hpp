#pragma once

#include <termios.h>

#include <optional>

namespace vserctl {

/// Whether the terminal still converts "\n" to "\r\n" in output, for messages that end in "\n".
enum class RawOutput { as_is, newlines };

/// Sets a terminal to raw mode, and restores it in the destructor or on a crash (abort, segmentation fault and the like). The
/// caller must handle signals that end the program. Only one may exist at a time.
class RawTerminal {
public:
    /// Does not own `fd`. Does nothing if it is not a terminal.
    RawTerminal(int fd, RawOutput output);
    ~RawTerminal();
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

    bool is_terminal() const noexcept { return saved_.has_value(); }
    void enter() noexcept;    // also to continue after SIGTSTP
    void restore() noexcept;  // idempotent
    /// Discards input that was not read, so that the shell does not run the rest of a paste.
    void discard_typed() noexcept;

private:
    int fd_;
    RawOutput output_;
    std::optional<termios> saved_;
};

}  // namespace vserctl
