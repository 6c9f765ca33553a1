#pragma once

#include <string>
#include <vector>

namespace vserctl {

/// A command line as posix_spawn(3) takes it, ended by a null pointer. The words outlive the result.
inline std::vector<char*> argument_pointers(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace vserctl
