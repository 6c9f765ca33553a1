#pragma once

#include <cstdint>
#include <string>

namespace vserctl {

/// Learns when other programs open and close a file, through inotify(7): the master of a pseudo terminal does not learn when its
/// slave is opened. The kernel merges equal events, so after a close it looks into /proc for the programs that still have the
/// file open. Those of other users are visible only to root; for them the events are counted.
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
    std::string path_;
    int fd_ = -1;
    std::int64_t open_ = 0;
};

}  // namespace vserctl
