#include "base/proc_file.hpp"

#include <fstream>
#include <sstream>

namespace vserd::base {

std::string read_proc_file(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();  // not by iterators over the buffer: those throw when the read fails
    return text.str();
}

}  // namespace vserd::base
