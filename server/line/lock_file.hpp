#pragma once

#include <optional>
#include <span>
#include <string>

namespace vserd::line {

/// A lock file of the UUCP tradition that counts.
struct LockFile {
    std::string path;
    std::string holder;  ///< as base::describe_process()
};

inline constexpr const char* lock_directories[] = {"/run/lock", "/var/lock"};

/// The lock file by which another program (minicom, cu, pppd) says that it uses the device at `path`: LCK..NAME, where NAME
/// is the last component of the path or of what its links lead to. It holds a pid, in decimal or as the four bytes of an int.
///
/// Anybody may create files in these directories, so a file counts only if it is a regular one of at most lock_bytes_max, its
/// pid is that of a living process other than this, and it belongs to root or to the user of that process. It is opened
/// without waiting and without following a link. Everything else is ignored.
std::optional<LockFile> find_lock_file(const std::string& path,
                                       std::span<const char* const> directories = lock_directories);

inline constexpr std::size_t lock_bytes_max = 256;

}  // namespace vserd::line
