#pragma once

#include <sys/types.h>

#include <cstddef>

#include "base/result.hpp"

namespace vserd::io {

/// What one attempt to read or write moved.
struct Transfer {
    ssize_t result =
        0;  ///< bytes moved, 0 for the end of the input, or a negative errno; -EAGAIN: nothing can move now
    bool exhausted = false;  ///< there is no more for now: wait for the descriptor before trying again
};

/// Engines serve non-blocking descriptors only.
Result<void> check_nonblocking(int fd);
/// The refusal of a descriptor beyond slots_max.
Error too_many_descriptors();

/// Whether a short read means that the descriptor has no more for now: a stream socket, a pipe, or a tty in raw mode. A
/// tty in canonical mode ends a read at each line, and of other devices nothing is known.
bool reads_as_stream(int fd) noexcept;

/// What a read of at most `wanted` bytes, or a write, has moved that returned `result`: bytes or a negative errno. A read of
/// less than read_gather_threshold_bytes from a stream has left nothing behind. EIO means hang-up (a pty master whose
/// other end is closed says so) and is the end; a driver that takes nothing without saying why has no room.
Transfer read_outcome(ssize_t result, std::size_t wanted, bool stream) noexcept;
Transfer write_outcome(ssize_t result) noexcept;

/// Reads what is there, up to min(size, read_gather_bytes_max). A first read of less than read_gather_threshold_bytes
/// is returned at once; with `stream`, the attempt that would only bring EAGAIN is spared.
Transfer read_gather(int fd, std::byte* data, std::size_t size, bool stream) noexcept;

/// Writes once.
Transfer write_once(int fd, const std::byte* data, std::size_t size) noexcept;

}  // namespace vserd::io
