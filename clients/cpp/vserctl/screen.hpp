#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "vserctl/mode_tracker.hpp"

namespace vserctl {

/// What `attach` shows: the port's bytes on stdout, and messages between them, each on a line of its own. Never blocks:
/// what the terminal does not take waits here, and the caller stops fetching more while full().
class Screen {
public:
    /// `raw`: the terminal is in raw mode, so lines end in CR LF. `messages_apart`: they go to stderr also where stdout is
    /// a terminal.
    Screen(bool raw, bool messages_apart);
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    void show(std::string_view bytes);
    /// "[vserctl: ...]": on the terminal in its place among the bytes, otherwise on stderr.
    void say(const std::string& text);
    /// Puts the terminal's modes back as far as the port changed them.
    void undo_modes();
    /// Forgets what waits: the terminal did not take it in time. Returns how many bytes that was.
    std::size_t drop_waiting();

    bool full() const noexcept { return waiting_.size() - taken_ >= waiting_bytes_max; }
    bool empty() const noexcept { return taken_ == waiting_.size(); }
    int fd() const noexcept { return fd_; }
    /// Call when fd() is writable. False when nobody reads it any more, or it cannot be written: see error().
    bool flush();
    /// Flushes until it is empty or the time is over.
    void flush_for(std::chrono::milliseconds limit);
    /// The errno of the write that failed, or 0.
    int error() const noexcept { return error_; }

private:
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
    std::size_t taken_ = 0;  // of waiting_, already written
    ModeTracker modes_;
};

}  // namespace vserctl
