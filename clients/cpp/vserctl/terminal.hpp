#pragma once

#include <termios.h>

#include <optional>

namespace vserctl {

/// The raw mode of a terminal, taken back on every way out that a process can see: the destructor, and a crash (abort,
/// segmentation fault and the like). Signals that end the program are the caller's to turn into a normal way out. One
/// at a time.
class RawTerminal {
public:
    /// Borrows `fd`; does nothing at all where it is not a terminal.
    explicit RawTerminal(int fd);
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
    std::optional<termios> saved_;
};

}  // namespace vserctl
