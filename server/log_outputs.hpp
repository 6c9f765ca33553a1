#pragma once

#include <memory>
#include <string>

#include "log_queue.hpp"

namespace vserd {

/// The journal, where standard error is connected to it; else standard error.
std::unique_ptr<LogOutput> make_log_output();

/// Writes all of it, however long that takes; gives up on an error.
void write_all(int fd, const std::string& text);

/// The same on a thread of its own: nothing waits for a reader of standard output.
void print(std::string text);

}  // namespace vserd
