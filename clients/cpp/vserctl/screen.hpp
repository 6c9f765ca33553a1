#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "vserctl/mode_tracker.hpp"

namespace vserctl {

/// The output of `attach`: the port's bytes on stdout, with messages between them on separate lines. Never blocks: bytes that
/// the terminal does not accept wait here, and the caller must not add more while full().
class Screen {
public:
    /// `raw`: the terminal is in raw mode, so lines end in CR LF. `messages_apart`: messages go to stderr even if stdout is a
    /// terminal.
    Screen(bool raw, bool messages_apart);
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    void show(std::string_view bytes);
    /// Prints "[vserctl: ...]" between the bytes on a terminal, otherwise on stderr.
    void say(const std::string& text);
    /// Restores the terminal modes that the port changed.
    void undo_modes();
    /// Discards the waiting bytes, which the terminal did not accept in time. Returns how many there were.
    std::size_t drop_waiting();

    bool full() const noexcept { return waiting_.size() - taken_ >= waiting_bytes_max; }
    bool empty() const noexcept { return taken_ == waiting_.size(); }
    int fd() const noexcept { return fd_; }
    /// Call when fd() is writable. Returns false if writing failed: see error().
    bool flush();
    /// Flushes until no bytes wait or the time has passed.
    void flush_for(std::chrono::milliseconds limit);
    /// The errno of the write that failed, or 0.
    int error() const noexcept { return error_; }

private:
    void note_modes_written();

    static constexpr std::size_t waiting_bytes_max = std::size_t{256} << 10;

    bool raw_;
    bool messages_apart_;
    bool stdout_is_terminal_;
    bool dim_;
    bool at_line_start_ = true;
    int fd_;
    int error_ = 0;
    std::size_t write_bytes_max_;
    std::string waiting_;
    std::size_t taken_ = 0;  // bytes of waiting_ that are written
    ModeTracker modes_;
    std::string
        undo_written_;  // for the modes that the bytes written so far left. A signal may come before the rest is written
};

}  // namespace vserctl
