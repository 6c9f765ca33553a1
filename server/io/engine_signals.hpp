#pragma once

#include <csignal>

namespace vserd::io {

// The signals by which the kernel or the C library tells an engine of something. They are never delivered: the engine
// reads them from a signalfd, so every thread that could be their target must block them.

/// For F_SETSIG, sent to one thread; a real-time one, because only those are queued and name the descriptor.
inline int sigio_signal() noexcept { return SIGRTMIN + 10; }
/// What the kernel sends instead when that queue is full. It names nothing and is never lost.
inline constexpr int sigio_overflow_signal = SIGIO;
/// For POSIX AIO, sent to the process: something has completed. Not a real-time one, because those are lost when their queue
/// is full.
inline constexpr int aio_signal = SIGURG;

/// Blocks them all in the calling thread and in those that it starts from now on. Call it before the first thread starts;
/// an engine calls it for the thread that it serves.
void block_engine_signals() noexcept;

}  // namespace vserd::io
