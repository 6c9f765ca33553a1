#include "base/proc_file.hpp"

#include <fstream>
#include <sstream>

namespace vserd::base {

std::string read_proc_file(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();  // iterators over the buffer would throw if the read fails
    return text.str();
}

}  // namespace vserd::base
