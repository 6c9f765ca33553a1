#pragma once

#include <termios.h>

#include <optional>

namespace vserctl {

/// Whether the terminal still turns "\n" into "\r\n" on its way out: wanted where lines of ours are printed raw.
enum class RawOutput { as_is, newlines };

/// The raw mode of a terminal, taken back on every way out that a process can see: the destructor, and a crash (abort,
/// segmentation fault and the like). Signals that end the program are the caller's to turn into a normal way out. One
/// at a time.
class RawTerminal {
public:
    /// Borrows `fd`; does nothing at all where it is not a terminal.
    RawTerminal(int fd, RawOutput output);
    ~RawTerminal();
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

    bool is_terminal() const noexcept { return saved_.has_value(); }
    void enter() noexcept;    // again after a stop, too
    void restore() noexcept;  // idempotent
    /// Throws away what was typed and not read: the rest of a paste is not for the shell to run.
    void discard_typed() noexcept;

private:
    int fd_;
    RawOutput output_;
    std::optional<termios> saved_;
};

}  // namespace vserctl
