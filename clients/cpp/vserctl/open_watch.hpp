#pragma once

#include <cstdint>
#include <string>

namespace vserctl {

/// Counts how often other programs have a file open, through inotify(7): the master of a pseudo terminal does not learn when its
/// slave is opened.
class OpenWatch {
public:
    /// Counts from now on. Throws std::system_error.
    explicit OpenWatch(const std::string& path);
    ~OpenWatch();
    OpenWatch(const OpenWatch&) = delete;
    OpenWatch& operator=(const OpenWatch&) = delete;

    /// Readable when update() has something to do.
    int fd() const noexcept { return fd_; }
    struct Change {
        bool opened = false;  ///< some program opened it
        bool closed = false;  ///< the last program closed it, perhaps before the next one opened it
    };
    /// Counts what happened since the last call.
    Change update();
    bool is_open() const noexcept { return open_ > 0; }

private:
    int fd_ = -1;
    std::int64_t open_ = 0;
};

}  // namespace vserctl
