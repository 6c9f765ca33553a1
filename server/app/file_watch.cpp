#include "app/file_watch.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

namespace vserd {
namespace {

constexpr std::chrono::seconds look_interval{2};

}  // namespace

FileWatch::FileWatch(io::Loop& loop, DiskThread& disk, std::function<void()> changed)
    : disk_(disk), changed_(std::move(changed)), timer_(loop.context()) {}

void FileWatch::watch(std::vector<std::string> files) {
    files_ = std::move(files);
    settling_ = true;
    if (!std::exchange(running_, true)) wait();
}

void FileWatch::stop() {
    stopped_ = true;
    timer_.cancel();
}

FileWatch::Fingerprint FileWatch::look_at(const std::vector<std::string>& files) {
    Fingerprint result;
    for (const std::string& file : files) {
        struct stat status {};
        if (::stat(file.c_str(), &status) < 0) {
            result.push_back(errno);
            continue;
        }
        for (const timespec& time : {status.st_mtim, status.st_ctim}) {
            result.insert(result.end(), {time.tv_sec, time.tv_nsec});
        }
        result.insert(result.end(), {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
                                     status.st_size});
    }
    return result;
}

void FileWatch::wait() {
    timer_.expires_after(look_interval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error || stopped_) return;
        auto now = std::make_shared<Fingerprint>();  // shared with the disk thread
        disk_.run([files = files_, now] { *now = look_at(files); }, [this, now] { looked(*now); });
    });
}

void FileWatch::looked(const Fingerprint& now) {
    if (stopped_) return;
    if (now != seen_) {
        seen_ = now;
        settling_ = true;
    } else if (std::exchange(settling_, false)) {
        changed_();
    }
    wait();
}

}  // namespace vserd
