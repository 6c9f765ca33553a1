#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace vserd::base {

/// Finds the other processes that have one of the character devices open for reading: "agetty (pid 123)", at most `names_max`
/// for each device. For processes that we may not inspect (other users', without CAP_SYS_PTRACE), it checks only the controlling
/// terminal. A process is omitted if the leader of its session is in the list. Walks through /proc, which takes milliseconds,
/// so do not call it on the io thread.
std::map<dev_t, std::vector<std::string>> device_readers(const std::set<dev_t>& devices, std::size_t names_max);

}  // namespace vserd::base
