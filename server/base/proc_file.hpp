#pragma once

#include <string>

namespace vserd::base {

/// What a file of /proc or /sys says. Its process may end between the open and the read, so what could not be read is empty.
std::string read_proc_file(const std::string& path);

}  // namespace vserd::base
