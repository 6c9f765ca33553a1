#include "base/regular_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace vserd::base {
namespace {

/// Reads until the end, or until the limit is exceeded. On failure returns false and sets errno.
bool read_all(int fd, std::size_t bytes_max, std::string& text) {
    while (text.size() <= bytes_max) {
        const std::size_t size = text.size();
        text.resize(size + std::size_t{64} * 1024);
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        text.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
        if (got == 0) return true;
        if (got < 0 && errno != EINTR) return false;
    }
    return true;
}

Error unreadable(std::string message) { return {Failure::invalid_argument, 0, {}, std::move(message)}; }

}  // namespace

Result<RegularFile> read_regular_file(const std::string& path, std::size_t bytes_max) {
    // O_NONBLOCK: if the path is a FIFO, the open must not wait for a writer.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return errno_error("cannot be opened");
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return errno_error("cannot be read");
    if (S_ISDIR(status.st_mode)) return unreadable("is a directory, not a file");
    if (!S_ISREG(status.st_mode)) return unreadable("is not a regular file");
    RegularFile file{.text = {}, .mode = status.st_mode};
    if (!read_all(fd.get(), bytes_max, file.text)) return errno_error("cannot be read");
    if (file.text.size() > bytes_max)
        return unreadable("is larger than " + size_text(static_cast<std::int64_t>(bytes_max)));
    return file;
}

}  // namespace vserd::base
