#pragma once

#include <sys/types.h>

#include <cstddef>

#include "base/result.hpp"

namespace vserd::io {

/// The outcome of one attempt to read or write.
struct Transfer {
    ssize_t result = 0;  ///< bytes moved, 0 at the end of input, or a negative errno (-EAGAIN: nothing can move now)
    bool exhausted = false;  ///< wait until the descriptor is ready before the next attempt
};

/// Fails if the descriptor is blocking: engines serve only non-blocking ones.
Result<void> check_nonblocking(int fd);
/// The error for a descriptor beyond slots_max.
Error too_many_descriptors();

/// Whether a short read means that the descriptor is empty. True for a stream socket, a pipe and a tty in raw mode. A tty in
/// canonical mode ends a read after each line; other devices are unknown.
bool reads_as_stream(int fd) noexcept;

/// Interprets `result`, bytes or a negative errno, of a read of at most `wanted` bytes or of a write. After a read of less
/// than read_gather_threshold_bytes a stream is empty. EIO from a read counts as the end of input: a pty master returns it
/// when its other end is closed. A write that returns 0 counts as EAGAIN.
Transfer read_outcome(ssize_t result, std::size_t wanted, bool stream) noexcept;
Transfer write_outcome(ssize_t result) noexcept;

/// Reads the available bytes, up to min(size, read_gather_bytes_max). A first read of less than read_gather_threshold_bytes
/// returns at once. `stream` saves the read that would only return EAGAIN.
Transfer read_gather(int fd, std::byte* data, std::size_t size, bool stream) noexcept;

/// Writes once.
Transfer write_once(int fd, const std::byte* data, std::size_t size) noexcept;

}  // namespace vserd::io
