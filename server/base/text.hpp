#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vserd::base {

/// Makes text from outside the process safe to store, log, send and show: valid UTF-8 (Unicode 15, table 3-7) on one line.
/// Each byte that is not part of a character, and each control character (C0, DEL, C1), becomes U+FFFD.
///
/// Call it once, where such text enters: process and user names, link targets, file names, stored files. Text from the
/// configuration and from requests is already valid UTF-8, because their parsers reject anything else.
std::string printable_text(std::string_view text);

/// "1 port", "2 ports".
std::string counted(std::uint64_t count, std::string_view what);

/// The words with the separator between them.
template <class Words>
std::string joined(const Words& words, std::string_view separator) {
    std::string text;
    for (const std::string_view word : words) {
        if (!text.empty()) text += separator;
        text += word;
    }
    return text;
}

}  // namespace vserd::base
