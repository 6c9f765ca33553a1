#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::line {

/// Opens the character device at `path` for reading and writing, non-blocking, close-on-exec and not as a controlling
/// terminal, and takes it for this process alone: an flock on the node, after a look at the lock files of other
/// programs.
///
/// A busy device gives EBUSY with the holder in `subject` ("pid 812 (minicom)"); a refused one EACCES with the group to
/// join; a directory or a file Failure::invalid_argument with subject "device". May take as long as the driver does.
Result<base::Fd> open_device_node(const std::string& path);

/// Whether `fd`, which a process before us opened so, is still the node at `path` and has not been hung up.
Result<void> check_held_node(const std::string& path, int fd);

/// Lets others open the device before `fd` is closed: a duplicate of it in the service manager's fd store may live a little
/// longer, and would keep the lock. Never blocks.
void release_lock(int fd) noexcept;

/// The error for a device that somebody else holds, naming who, so far as /proc tells.
Error busy_error(const std::string& path, dev_t device, int own_fd);

/// Failure::invalid_argument with subject "device": the path opens, but is nothing that we can drive.
Error not_a_serial_device(const std::string& path, std::string_view what);

}  // namespace vserd::line
