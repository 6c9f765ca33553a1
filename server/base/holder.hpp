#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <string>

namespace vserd::base {

// Who has what we want, as "pid 812 (minicom)", so far as /proc tells: empty where nobody is seen, which may be because we
// have no right to look into other users' processes (proc(5), /proc/pid/fd), or because /proc hides them.

std::string describe_process(pid_t pid);

/// A process that has the character device open, other than by `own_fd` of this one.
std::string device_holder(dev_t device, int own_fd);

/// A process that listens where `address` (AF_INET, AF_INET6 or AF_UNIX with a path) would conflict with it.
std::string listener_at(const sockaddr& address);

}  // namespace vserd::base
