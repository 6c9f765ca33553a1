#pragma once

#include <termios.h>

#include <cstddef>
#include <string_view>

/// Restores the terminal when a signal ends the process. The state is global, because a signal handler can use nothing else.
/// One terminal at a time; main thread only.
namespace vserctl::way_out {

inline constexpr std::size_t text_bytes_max = 1024;

/// On crashes and other unexpected signals (SIGABRT, SIGSEGV, SIGUSR1 and the like), restore the terminal, then end the process
/// as usual.
void install_for_crashes();
/// Also on SIGINT, SIGTERM, SIGHUP and SIGQUIT. For commands that do not handle these signals.
void install_for_signals();

/// The modes of the terminal `fd` to restore.
void set_modes(int fd, const termios& modes) noexcept;
void clear_modes() noexcept;
/// The text to write to `fd`, at most text_bytes_max bytes. Empty: none.
void set_text(int fd, std::string_view text) noexcept;

}  // namespace vserctl::way_out
