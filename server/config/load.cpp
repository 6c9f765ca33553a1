#include <cerrno>

#include "base/regular_file.hpp"
#include "base/text.hpp"
#include "config/config.hpp"
#include "config/limits.hpp"

namespace vserd::config {

ParseResult load(const std::string& path) {
    const auto file = base::read_regular_file(path, file_bytes_max);
    if (file) return parse(file->text, path);
    std::string message = file.error().message;
    if (file.error().errno_value == ENOENT) message += "; give the path of a configuration, or try vserd --demo";
    if (file.error().errno_value == EACCES) message += "; the user that vserd runs as must be able to read it";
    return std::vector<Problem>{{base::printable_text(path), 0, 0, std::move(message)}};
}

}  // namespace vserd::config
