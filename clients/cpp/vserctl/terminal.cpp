#include "vserctl/terminal.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>

namespace vserctl {
namespace {

// What the crash handler needs; a handler has no other way to get at it.
int crash_fd = -1;
termios crash_saved{};

constexpr std::array crash_signals{SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// tcsetattr is async-signal-safe (POSIX). SA_RESETHAND: the second signal of its kind is the default one.
void restore_and_die(int number) {
    if (crash_fd >= 0) ::tcsetattr(crash_fd, TCSANOW, &crash_saved);
    ::raise(number);
}

/// In the background the terminal is somebody else's, and touching it would stop us.
bool is_foreground(int fd) {
    const auto group = ::tcgetpgrp(fd);
    return group < 0 || group == ::getpgrp();
}

void install_crash_handler() {
    struct sigaction action {};
    action.sa_handler = restore_and_die;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    for (const int number : crash_signals) ::sigaction(number, &action, nullptr);
}

}  // namespace

RawTerminal::RawTerminal(int fd) : fd_(fd) {
    termios now{};
    if (::tcgetattr(fd, &now) != 0) return;
    saved_ = now;
    crash_saved = now;
    install_crash_handler();
}

RawTerminal::~RawTerminal() { restore(); }

void RawTerminal::enter() noexcept {
    if (!saved_) return;
    termios raw = *saved_;
    ::cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    crash_fd = fd_;
    if (is_foreground(fd_)) ::tcsetattr(fd_, TCSANOW, &raw);
}

void RawTerminal::restore() noexcept {
    if (!saved_) return;
    if (is_foreground(fd_)) ::tcsetattr(fd_, TCSANOW, &*saved_);
    crash_fd = -1;
}

void RawTerminal::discard_typed() noexcept {
    if (saved_ && is_foreground(fd_)) ::tcflush(fd_, TCIFLUSH);
}

}  // namespace vserctl
