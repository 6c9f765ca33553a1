#include "archive/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "archive/files.hpp"

namespace vserd::archive {

Result<DirectoryLock> DirectoryLock::take(const std::string& directory) {
    if (auto made = make_directory(directory); !made) return made.error();
    const std::string path = directory + "/" + lock_name;
    auto file = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (!file) return file.error();
    if (::flock(file->get(), LOCK_EX | LOCK_NB) == 0) return DirectoryLock(std::move(*file));
    if (errno != EWOULDBLOCK) return errno_error(path + " cannot be locked");
    return Error{Failure::refused, 0, "archive.directory",
                 "another vserd, or a repair, uses the archive in " + directory +
                     "; stop it, or give this one its own directory"};
}

Result<std::optional<DirectoryLock>> DirectoryLock::share(const std::string& directory) {
    const std::string path = directory + "/" + lock_name;
    auto file = open_file(path, O_RDONLY | O_NOFOLLOW);
    if (!file && file.error().errno_value == ENOENT) return std::optional<DirectoryLock>();
    if (!file) return file.error();
    if (::flock(file->get(), LOCK_SH | LOCK_NB) == 0) return std::optional(DirectoryLock(std::move(*file)));
    if (errno != EWOULDBLOCK) return errno_error(path + " cannot be locked");
    return Error{Failure::refused, 0, "device",
                 "a vserd, or a repair, writes to the archive in " + directory +
                     "; stop it, or copy the port's directory and serve the copy"};
}

}  // namespace vserd::archive
