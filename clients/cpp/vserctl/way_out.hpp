#pragma once

#include <termios.h>

#include <cstddef>
#include <string_view>

/// What a signal that ends the process still does to the terminal. The state is global because a signal handler reaches
/// no other. One terminal at a time; main thread only.
namespace vserctl::way_out {

inline constexpr std::size_t text_bytes_max = 1024;

/// Crashes and other signals that nobody expects (SIGABRT, SIGSEGV, SIGUSR1 and the like) restore the terminal and then end the process as usual.
void install_for_crashes();
/// SIGINT, SIGTERM, SIGHUP and SIGQUIT do so too; for commands that do not handle these themselves.
void install_for_signals();

/// Restore these modes of the terminal `fd`.
void set_modes(int fd, const termios& modes) noexcept;
void clear_modes() noexcept;
/// Write this text to `fd`; at most text_bytes_max. Empty: nothing.
void set_text(int fd, std::string_view text) noexcept;

}  // namespace vserctl::way_out
