#pragma once

#include <string>
#include <string_view>

namespace vserd::base {

/// Makes text from outside the process safe to store, log, send and show: valid UTF-8 (Unicode 15, table 3-7) on one line.
/// Each byte that belongs to no character and each control character (C0, DEL, C1) becomes U+FFFD.
///
/// Call it once, where such text enters: names of processes and users, link targets, file names, stored files. Text of the
/// configuration and of requests is valid UTF-8 already; their parsers reject the rest.
std::string printable_text(std::string_view text);

}  // namespace vserd::base
