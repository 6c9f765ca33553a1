#pragma once

#include <string>
#include <vector>

namespace vserd::base {

/// The entries of a directory whose names are numbers: processes of /proc, descriptors of /proc/PID/fd. Empty if the directory
/// cannot be read.
std::vector<int> numbers_in(const std::string& path);

}  // namespace vserd::base
