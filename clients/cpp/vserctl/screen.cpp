#include "vserctl/screen.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "vserctl/output.hpp"
#include "vserctl/table.hpp"
#include "vserctl/way_out.hpp"

namespace vserctl {
namespace {

// O_NONBLOCK belongs to the open file description, which is shared with the shell, so the terminal is opened again. Returns -1
// if that fails; then small writes after poll() are used, which hardly ever block.
int open_stdout_again() {
    if (::isatty(STDOUT_FILENO) != 1) return -1;
    return ::open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

}  // namespace

Screen::Screen(bool raw, bool messages_apart)
    : raw_(raw),
      messages_apart_(messages_apart),
      stdout_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      dim_(stdout_wants_colour()),
      fd_(open_stdout_again()) {
    const bool nonblocking = fd_ >= 0;
    // A pipe that poll() reports as writable accepts PIPE_BUF bytes without blocking.
    write_bytes_max_ = nonblocking ? waiting_bytes_max : PIPE_BUF;
    if (!nonblocking) fd_ = STDOUT_FILENO;
}

Screen::~Screen() {
    if (stdout_is_terminal_) {  // in case of an exception before undo_modes()
        undo_modes();
        flush();
    }
    way_out::set_text(-1, {});
    if (fd_ != STDOUT_FILENO) ::close(fd_);
}

void Screen::show(std::string_view bytes) {
    if (bytes.empty()) return;
    if (taken_ == waiting_.size()) {
        waiting_.clear();
        taken_ = 0;
    }
    waiting_ += bytes;
    at_line_start_ = bytes.back() == '\n';
    if (!stdout_is_terminal_) return;
    modes_.feed(bytes);
    if (modes_.changed()) way_out::set_text(fd_, undo_written_ + modes_.undo());
}

void Screen::say(const std::string& text) {
    const std::string end = raw_ ? "\r\n" : "\n";
    const std::string line = fmt::format("[vserctl: {}]", text);
    if (!stdout_is_terminal_ || messages_apart_) return put_message(line + end);
    const auto begin = at_line_start_ ? std::string() : end;
    show(begin + coloured(line, Colour::dim, dim_) + end);
}

void Screen::undo_modes() {
    if (stdout_is_terminal_) show(modes_.undo());
}

std::size_t Screen::drop_waiting() {
    const auto dropped = waiting_.size() - taken_;
    waiting_.clear();
    taken_ = 0;
    if (dropped > 0 && stdout_is_terminal_) waiting_ = "\x18" + undo_written_;  // ends an incomplete sequence
    return dropped;
}

bool Screen::flush() {
    while (!empty()) {
        const auto piece = std::string_view(waiting_).substr(taken_, write_bytes_max_);
        const auto written = ::write(fd_, piece.data(), piece.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EAGAIN) return true;
        if (written < 0) error_ = errno;
        if (written < 0) return false;
        taken_ += static_cast<std::size_t>(written);
        if (write_bytes_max_ == PIPE_BUF) break;  // poll() again before the next write
    }
    if (empty() && stdout_is_terminal_) note_modes_written();
    return true;
}

void Screen::note_modes_written() {
    auto undo = modes_.undo();
    if (undo == undo_written_) return;
    undo_written_ = std::move(undo);
    way_out::set_text(fd_, undo_written_);
}

void Screen::flush_for(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!empty()) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd out{.fd = fd_, .events = POLLOUT, .revents = 0};
        if (left.count() <= 0 || ::poll(&out, 1, static_cast<int>(left.count())) == 0 || !flush()) return;
    }
}

}  // namespace vserctl
