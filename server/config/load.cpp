#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "config/config.hpp"
#include "config/limits.hpp"

namespace vserd::config {
namespace {

std::vector<Problem> unreadable(const std::string& path, std::string message) {
    return {{base::printable_text(path), 0, 0, std::move(message)}};
}

/// Reads until the end, or until the size limit is exceeded by one byte. On failure returns false and sets errno.
bool read_all(int fd, std::string& text) {
    while (text.size() <= file_bytes_max) {
        const std::size_t size = text.size();
        text.resize(size + std::size_t{64} * 1024);
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        text.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
        if (got == 0) return true;
        if (got < 0 && errno != EINTR) return false;
    }
    return true;
}

}  // namespace

ParseResult load(const std::string& path) {
    // O_NONBLOCK: if the path is a FIFO, a reload must not block the daemon.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        const int error = errno;
        std::string message = std::string("cannot be opened: ") + std::strerror(error);
        if (error == ENOENT) message += "; give the path of a configuration with --config, or try --demo";
        if (error == EACCES) message += "; the user that vserd runs as must be able to read it";
        return unreadable(path, std::move(message));
    }
    struct stat status {};
    std::string text;
    std::string message;
    if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        message = "is a directory, not a configuration file";
    } else if (!S_ISREG(status.st_mode)) {
        message = "is not a regular file";
    } else if (!read_all(fd, text)) {
        message = std::string("cannot be read: ") + std::strerror(errno);
    }
    ::close(fd);
    if (!message.empty()) return unreadable(path, std::move(message));
    return parse(text, path);
}

}  // namespace vserd::config
