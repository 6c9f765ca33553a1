#pragma once

#include <string>

namespace vserd::base {

/// The content of a file in /proc or /sys; empty if it cannot be read. The process may end between the open and the read.
std::string read_proc_file(const std::string& path);

}  // namespace vserd::base
