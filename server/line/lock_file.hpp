#pragma once

#include <optional>
#include <span>
#include <string>

namespace vserd::line {

/// A valid lock file in the UUCP format.
struct LockFile {
    std::string path;
    std::string holder;  ///< see base::describe_process()
};

inline constexpr const char* lock_directories[] = {"/run/lock", "/var/lock"};

/// Finds the lock file of another program (minicom, cu, pppd) that uses the device at `path`: LCK..NAME, where NAME is the last
/// component of the path or of the target of its links. It contains a pid, in decimal or as the four bytes of an int.
///
/// Any user may create files in these directories. So a file is valid only if it is a regular file of at most lock_bytes_max,
/// its pid is that of another running process, and it belongs to root or to that process's user. It is opened without
/// blocking and without following links. Other files are ignored.
std::optional<LockFile> find_lock_file(const std::string& path,
                                       std::span<const char* const> directories = lock_directories);

inline constexpr std::size_t lock_bytes_max = 256;

}  // namespace vserd::line
