#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/fd.hpp"
#include "base/result.hpp"

namespace vserd::archive {

inline constexpr const char* lock_name = ".lock";  ///< no port's directory begins with a dot

/// Keeps others from writing to an archive: another vserd, or a repair. Released with the process, however it ends.
class DirectoryLock {
public:
    /// Creates the directory if it is missing. Failure::refused: another process has it. Other failures are of the disk.
    static Result<DirectoryLock> take(const std::string& directory);

    /// Keeps others from writing as long as this one reads. Creates nothing, and needs no permission to write. Empty: nobody has
    /// ever written there, as in a copy. Failure::refused: somebody writes.
    static Result<std::optional<DirectoryLock>> share(const std::string& directory);

private:
    explicit DirectoryLock(base::Fd file) : file_(std::move(file)) {}

    base::Fd file_;
};

}  // namespace vserd::archive
