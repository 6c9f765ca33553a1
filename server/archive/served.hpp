#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "archive/directory_lock.hpp"
#include "base/result.hpp"
#include "log/byte_log_items.hpp"

namespace vserd::archive {

/// How a device string begins that names the archive of a port: "archive:/mnt/copy/board".
inline constexpr std::string_view served_prefix = "archive:";

/// The archive of a port that nobody writes, to be served read-only.
struct Served {
    std::string path;  ///< the port's directory
    std::string log_id;
    log::Cursor begin;
    log::Cursor end;
    std::optional<DirectoryLock>
        lock;  ///< keeps a vserd from writing there; empty: the archive is a copy without a lock
};

/// The directory of the archive of which that is a port's.
std::string archive_of(const std::string& port_directory);

/// Writes nothing, and needs no permission to. Blocks on the disk. Failures: not_found (no segments), refused (a vserd
/// writes there).
Result<Served> open_served(const std::string& port_directory);

}  // namespace vserd::archive
