#include "archive/served.hpp"

#include <filesystem>
#include <utility>

#include "archive/check.hpp"

namespace vserd::archive {

Result<Served> open_served(const std::string& port_directory) {
    auto lock = DirectoryLock::share(std::filesystem::path(port_directory).parent_path().string());
    if (!lock) return lock.error();
    const auto stat = stat_port(port_directory);
    if (!stat) return stat.error();
    if (stat->segments == 0)
        return Error{Failure::not_found, 0, "device",
                     port_directory + ": no port's archive is here: name the directory of one port in an archive"};
    return Served{port_directory, stat->log_ids.back(), stat->oldest, stat->next, std::move(*lock)};
}

}  // namespace vserd::archive
