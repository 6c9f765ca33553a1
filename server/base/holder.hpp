#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <string>

namespace vserd::base {

// Find the process that uses a resource, as "pid 812 (minicom)". The result is empty if none is found; it may still exist,
// because we may not inspect other users' processes (proc(5), /proc/pid/fd), or because /proc hides them.

std::string describe_process(pid_t pid);

/// A process that has the character device open, other than by `own_fd` of this one.
std::string device_holder(dev_t device, int own_fd);

/// A process that listens where `address` (AF_INET, AF_INET6 or AF_UNIX with a path) would conflict with it.
std::string listener_at(const sockaddr& address);

}  // namespace vserd::base
