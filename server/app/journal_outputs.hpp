#pragma once

#include <memory>
#include <string>

#include "app/journal_queue.hpp"

namespace vserd {

/// systemd's journal if standard error is connected to it; standard error otherwise.
std::unique_ptr<JournalOutput> make_journal_output();

/// Whether standard error is connected to systemd's journal.
bool stderr_is_journal();

/// Writes all of it, however long that takes. Stops at an error.
void write_all(int fd, const std::string& text);

/// The same on a separate thread, so that nothing waits for a reader of standard output.
void print(std::string text);

}  // namespace vserd
