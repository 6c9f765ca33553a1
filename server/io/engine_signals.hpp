#pragma once

#include <csignal>

namespace vserd::io {

// Signals that the kernel or the C library sends to an engine. The engine reads them from a signalfd, so every thread that
// could receive them must block them.

/// For F_SETSIG, sent to one thread. A real-time signal, because only those are queued and carry the descriptor.
inline int sigio_signal() noexcept { return SIGRTMIN + 10; }
/// Sent instead when that queue is full. It carries no descriptor, but is never lost.
inline constexpr int sigio_overflow_signal = SIGIO;
/// For POSIX AIO, sent to the process when a request completes. Not a real-time signal, because those are lost when their
/// queue is full.
inline constexpr int aio_signal = SIGURG;

/// Blocks these signals in the calling thread and in the threads it starts later. main() calls it before the first thread
/// starts; an engine calls it for the thread that it serves.
void block_engine_signals() noexcept;

}  // namespace vserd::io
