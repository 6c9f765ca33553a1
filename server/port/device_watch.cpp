#include "port/device_watch.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

namespace vserd::port {
namespace {

constexpr std::uint32_t watched_changes = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

/// The nearest existing directory above `path`.
std::string existing_directory_above(const std::string& path) {
    std::error_code ignored;
    auto directory = std::filesystem::path(path).parent_path();
    while (directory.has_relative_path() && !std::filesystem::is_directory(directory, ignored)) {
        directory = directory.parent_path();
    }
    return directory.string();
}

/// Whether `changed` is `path` or a directory above it.
bool concerns(const std::string& path, const std::string& changed) {
    return path.starts_with(changed) && (path.size() == changed.size() || path[changed.size()] == '/');
}

}  // namespace

class DeviceWatch::Impl {
public:
    explicit Impl(io::Loop& loop) : inotify_(loop.context()) {
        const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (fd < 0) return;  // no inotify instances left: ports still retry
        inotify_.assign(fd);
        wait();
    }

    std::size_t add(const std::string& path, std::function<void()> changed) {
        watch_above(path);
        entries_[++last_id_] = {path, std::move(changed)};
        return last_id_;
    }

    void remove(std::size_t id) { entries_.erase(id); }

private:
    struct Entry {
        std::string path;
        std::function<void()> changed;
    };

    void watch_above(const std::string& path) {
        if (!inotify_.is_open()) return;
        const std::string directory = existing_directory_above(path);
        const int watch = ::inotify_add_watch(inotify_.native_handle(), directory.c_str(), watched_changes);
        if (watch >= 0) directories_[watch] = directory;
    }

    void wait() {
        inotify_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                            [this](const boost::system::error_code& error) {
                                if (error) return;
                                drain();
                                wait();
                            });
    }

    void drain() {
        alignas(inotify_event) std::array<char, 16384> buffer;
        while (true) {
            const ssize_t size = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
            if (size <= 0) return;
            for (ssize_t at = 0; at < size;) {
                const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
                at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
                handle(*event);
            }
        }
    }

    void handle(const inotify_event& event) {
        if ((event.mask & IN_Q_OVERFLOW) != 0) return notify("");
        const auto directory = directories_.find(event.wd);
        if (directory == directories_.end()) return;
        const std::string base = directory->second == "/" ? "" : directory->second;
        const std::string changed = event.len > 0 ? fmt::format("{}/{}", base, event.name) : base;
        if ((event.mask & IN_IGNORED) != 0) directories_.erase(directory);
        notify(changed);
    }

    void notify(const std::string& changed) {
        std::vector<std::size_t> concerned;
        for (const auto& [id, entry] : entries_) {
            if (concerns(entry.path, changed)) concerned.push_back(id);
        }
        for (const std::size_t id : concerned) {
            const auto entry = entries_.find(id);
            if (entry == entries_.end()) continue;
            watch_above(entry->second.path);  // a directory above may have been created or removed
            const auto callback = entry->second.changed;
            callback();
        }
    }

    boost::asio::posix::stream_descriptor inotify_;
    std::map<int, std::string> directories_;
    std::map<std::size_t, Entry> entries_;
    std::size_t last_id_ = 0;
};

DeviceWatch::DeviceWatch(io::Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}
DeviceWatch::~DeviceWatch() = default;

DeviceWatch::Registration DeviceWatch::watch(const std::string& path, std::function<void()> changed) {
    return {this, impl_->add(path, std::move(changed))};
}

DeviceWatch::Registration::Registration(Registration&& other) noexcept
    : watch_(std::exchange(other.watch_, nullptr)), id_(other.id_) {}

DeviceWatch::Registration& DeviceWatch::Registration::operator=(Registration&& other) noexcept {
    if (this != &other) {
        if (watch_ != nullptr) watch_->impl_->remove(id_);
        watch_ = std::exchange(other.watch_, nullptr);
        id_ = other.id_;
    }
    return *this;
}

DeviceWatch::Registration::~Registration() {
    if (watch_ != nullptr) watch_->impl_->remove(id_);
}

}  // namespace vserd::port
