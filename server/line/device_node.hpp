#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::line {

/// Opens the character device at `path` for reading and writing (non-blocking, close-on-exec, not as a controlling terminal)
/// and locks it with flock. Respects the lock files of other programs.
///
/// Fails with EBUSY and the holder as subject ("pid 812 (minicom)") if the device is busy, with EACCES and the group to join
/// if access is denied, and with Failure::invalid_argument and subject "device" if it is a directory or a file. Blocks as
/// long as the driver does.
Result<base::Fd> open_device_node(const std::string& path);

/// Checks that `fd`, from the previous process, still belongs to the node at `path` and was not hung up.
Result<void> check_held_node(const std::string& path, int fd);

/// Releases the lock before `fd` is closed, because a duplicate in the service manager's fd store may live longer and would
/// keep it. Never blocks.
void release_lock(int fd) noexcept;

/// The error for a busy device. Names the process that uses it, if /proc shows it.
Error busy_error(const std::string& path, dev_t device, int own_fd);

/// The error for a path that can be opened but is not a serial device: Failure::invalid_argument with subject "device".
Error not_a_serial_device(const std::string& path, std::string_view what);

}  // namespace vserd::line
