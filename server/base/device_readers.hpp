#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace vserd::base {

/// The processes besides this one that have one of the character devices open for reading, as "agetty (pid 123)", at most
/// `names_max` of each device. Of processes that do not let us look (other users', without CAP_SYS_PTRACE) those whose
/// controlling terminal it is. A process is left out when the leader of its session is in the list. One walk through
/// /proc: takes milliseconds, so not on the io thread.
std::map<dev_t, std::vector<std::string>> device_readers(const std::set<dev_t>& devices, std::size_t names_max);

}  // namespace vserd::base
