#include "vserctl/terminal.hpp"

#include <unistd.h>

#include "vserctl/way_out.hpp"

namespace vserctl {
namespace {

/// A background process must not change the terminal: the kernel would stop it.
bool is_foreground(int fd) {
    const auto group = ::tcgetpgrp(fd);
    return group < 0 || group == ::getpgrp();
}

}  // namespace

RawTerminal::RawTerminal(int fd, RawOutput output) : fd_(fd), output_(output) {
    termios now{};
    if (::tcgetattr(fd, &now) != 0) return;
    saved_ = now;
    way_out::install_for_crashes();
}

RawTerminal::~RawTerminal() { restore(); }

void RawTerminal::enter() noexcept {
    if (!saved_) return;
    termios raw = *saved_;
    ::cfmakeraw(&raw);
    if (output_ == RawOutput::newlines) raw.c_oflag = saved_->c_oflag;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    way_out::set_modes(fd_, *saved_);
    if (is_foreground(fd_)) ::tcsetattr(fd_, TCSANOW, &raw);
}

void RawTerminal::restore() noexcept {
    if (!saved_) return;
    if (is_foreground(fd_)) ::tcsetattr(fd_, TCSANOW, &*saved_);
    way_out::clear_modes();
}

void RawTerminal::discard_typed() noexcept {
    if (saved_ && is_foreground(fd_)) ::tcflush(fd_, TCIFLUSH);
}

}  // namespace vserctl
