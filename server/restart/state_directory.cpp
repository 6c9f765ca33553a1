#include "restart/state_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "log/boot_id.hpp"
#include "log/log_layout.hpp"

namespace vserd::restart {
namespace {

constexpr std::string_view lock_name = "vserd.lock";
constexpr const char* unsure = "unsure";
constexpr const char* running = "running";
constexpr const char* stopped = "stopped";
constexpr std::size_t state_bytes_max = 8192;

std::string content_of(int file) {
    std::array<char, state_bytes_max> bytes{};
    const ssize_t size = ::pread(file, bytes.data(), bytes.size(), 0);
    return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

/// "running BOOT-ID\nOWNER\n"
std::string state_line(const char* state) { return state + (" " + log::boot_id()) + "\n"; }

}  // namespace

StateFolder::StateFolder(std::string path, std::string owner) : path_(std::move(path)), owner_(std::move(owner)) {
    if (path_.empty()) return;
    if (const auto took = take(); !took) problem_ = took.error().message;
}

Result<void> StateFolder::check(const std::string& path) {
    struct stat status {};
    if (path.empty() || ::stat(path.c_str(), &status) < 0 || (status.st_mode & S_IWOTH) == 0) return {};
    return Error{Failure::refused, 0, path,
                 path + " can be written by every user, who could change the logs; run chmod o-w on it"};
}

Result<void> StateFolder::take() {
    ::mkdir(path_.c_str(), 0700);  // what is wrong shows at once
    folder_ = base::Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder_) return errno_error(path_ + " cannot be used");
    if (auto safe = check(path_); !safe) {
        unsafe_ = true;
        return safe;
    }
    const std::string name(lock_name);
    lock_ = base::Fd(::openat(folder_.get(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock_) return errno_error(path_ + "/" + name + " cannot be opened");
    const bool locked = ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK) return errno_error(path_ + "/" + name + " cannot be locked");
    const std::string before = content_of(lock_.get());
    if (!locked) {
        taken_ = true;
        const std::size_t line = before.find('\n');
        std::string other = line == std::string::npos ? "" : before.substr(line + 1);
        if (other.ends_with('\n')) other.pop_back();
        return Error{Failure::refused, 0, path_,
                     path_ + " is in use by another vserd" + (other.empty() ? "" : ", that of " + other) +
                         "; give each a folder of its own"};
    }
    whole_ = before.starts_with(stopped + std::string(" ")) ||
             (!log::boot_id().empty() && before.starts_with(state_line(running)));
    return write_state(whole_ ? running : unsure);
}

Result<void> StateFolder::set_whole() {
    whole_ = true;
    return write_state(running);
}

/// On the disk before anything else is written, or it would say that what came later is whole.
Result<void> StateFolder::write_state(const char* state) {
    const std::string now = state_line(state) + owner_ + "\n";
    if (content_of(lock_.get()) == now) return {};
    const bool written = ::pwrite(lock_.get(), now.data(), now.size(), 0) == static_cast<ssize_t>(now.size()) &&
                         ::ftruncate(lock_.get(), static_cast<off_t>(now.size())) == 0 && ::fsync(lock_.get()) == 0;
    if (!written) return errno_error(path_ + "/" + std::string(lock_name) + " cannot be written");
    return {};
}

std::uint64_t StateFolder::owner() const noexcept { return log::hash_of(owner_.data(), owner_.size(), 0); }

Result<void> StateFolder::sync() const {
    if (lock_ && problem_.empty() && ::syncfs(folder_.get()) < 0) return errno_error(path_ + " cannot be synchronized");
    return {};
}

Result<void> StateFolder::leave() {
    if (!lock_ || !problem_.empty() || !whole_) return {};
    if (auto synced = sync(); !synced) return synced;
    return write_state(stopped);
}

}  // namespace vserd::restart
