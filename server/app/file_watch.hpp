#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/disk_thread.hpp"
#include "io/loop.hpp"

namespace vserd {

/// Notices that files have changed, however they are replaced: written in place, renamed, or by a symbolic link. Looks at them
/// every two seconds on the disk thread, because no notification covers all these ways. Io thread.
class FileWatch {
public:
    /// `changed` is called when the files have changed and then stayed the same for one interval, so that a certificate and
    /// its key are both there. It is also called once after each watch(). Both references outlive this.
    FileWatch(io::Loop& loop, DiskThread& disk, std::function<void()> changed);

    void watch(std::vector<std::string> files);
    /// `changed` is not called from now on. Destroy this only after the disk thread.
    void stop();

private:
    /// What stat() reports of each file.
    using Fingerprint = std::vector<std::int64_t>;
    static Fingerprint look_at(const std::vector<std::string>& files);

    void wait();
    void looked(const Fingerprint& now);

    DiskThread& disk_;
    const std::function<void()> changed_;
    boost::asio::steady_timer timer_;
    std::vector<std::string> files_;
    Fingerprint seen_;
    bool settling_ = true;
    bool running_ = false;
    bool stopped_ = false;
};

}  // namespace vserd
