#include "archive/served.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "archive/check.hpp"

namespace vserd::archive {

std::string archive_of(const std::string& port_directory) {
    std::error_code error;
    auto path = std::filesystem::canonical(port_directory, error);  // also for "board/", "." and links
    if (error) path = std::filesystem::absolute(port_directory).lexically_normal();
    return path.parent_path().string();
}

Result<Served> open_served(const std::string& port_directory) {
    auto lock = DirectoryLock::share(archive_of(port_directory));
    if (!lock) return lock.error();
    const auto stat = stat_port(port_directory);
    if (!stat) return stat.error();
    if (stat->segments == 0)
        return Error{Failure::not_found, 0, "device",
                     port_directory + ": no port's archive is here: name the directory of one port in an archive"};
    return Served{port_directory, stat->log_ids.back(), stat->oldest, stat->next, std::move(*lock)};
}

}  // namespace vserd::archive
