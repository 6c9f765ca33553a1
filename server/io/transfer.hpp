#pragma once

#include <sys/types.h>

#include <cstddef>

namespace vserd::io {

/// What one attempt to read or write moved.
struct Transfer {
    ssize_t result =
        0;  ///< bytes moved, 0 for the end of the input, or a negative errno; -EAGAIN: nothing can move now
    bool exhausted = false;  ///< the descriptor has said EAGAIN: wait for it before trying again
};

/// Reads what is there, up to min(size, read_gather_bytes_max). A first read of less than read_gather_threshold_bytes
/// is returned at once. EIO means hang-up (a pty master whose other end is closed says so) and is returned as the end.
Transfer read_gather(int fd, std::byte* data, std::size_t size) noexcept;

/// Writes once. A driver that takes nothing without saying why has no room.
Transfer write_once(int fd, const std::byte* data, std::size_t size) noexcept;

}  // namespace vserd::io
