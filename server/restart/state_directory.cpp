#include "restart/state_directory.hpp"

#include <fcntl.h>
#include <fmt/core.h>
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
std::string state_line(const char* state) { return fmt::format("{} {}\n", state, log::boot_id()); }

}  // namespace

StateDirectory::StateDirectory(std::string path, std::string owner) : path_(std::move(path)), owner_(std::move(owner)) {
    if (path_.empty()) return;
    if (const auto took = take(); !took) problem_ = took.error().message;
}

Result<void> StateDirectory::check(const std::string& path) {
    struct stat status {};
    if (path.empty() || ::stat(path.c_str(), &status) < 0 || (status.st_mode & S_IWOTH) == 0) return {};
    return Error{Failure::refused, 0, path,
                 fmt::format("{0} is world-writable, so any user could change the logs; run chmod o-w {0}", path)};
}

Result<void> StateDirectory::take() {
    ::mkdir(path_.c_str(), 0700);  // open() reports errors
    directory_ = base::Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) return errno_error(fmt::format("{} cannot be opened", path_));
    if (auto safe = check(path_); !safe) {
        unsafe_ = true;
        return safe;
    }
    const std::string name(lock_name);
    lock_ = base::Fd(::openat(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock_) return errno_error(fmt::format("{}/{} cannot be opened", path_, name));
    const bool locked = ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK) return errno_error(fmt::format("{}/{} cannot be locked", path_, name));
    const std::string before = content_of(lock_.get());
    if (!locked) {
        taken_ = true;
        const std::size_t line = before.find('\n');
        std::string other = line == std::string::npos ? "" : before.substr(line + 1);
        if (other.ends_with('\n')) other.pop_back();
        if (!other.empty()) other = fmt::format(" (configuration {})", other);
        return Error{Failure::refused, 0, path_,
                     fmt::format("{} is in use by another vserd{}; give each its own directory", path_, other)};
    }
    clean_ = before.starts_with(stopped + std::string(" ")) ||
             (!log::boot_id().empty() && before.starts_with(state_line(running)));
    return write_state(clean_ ? running : unsure);
}

Result<void> StateDirectory::set_clean() {
    clean_ = true;
    return write_state(running);
}

/// Syncs before anything else is written. Otherwise an old "stopped" on the disk would declare later files clean.
Result<void> StateDirectory::write_state(const char* state) {
    const std::string now = state_line(state) + owner_ + "\n";
    if (content_of(lock_.get()) == now) return {};
    const bool written = ::pwrite(lock_.get(), now.data(), now.size(), 0) == static_cast<ssize_t>(now.size()) &&
                         ::ftruncate(lock_.get(), static_cast<off_t>(now.size())) == 0 && ::fsync(lock_.get()) == 0;
    if (!written) return errno_error(fmt::format("{}/{} cannot be written", path_, lock_name));
    return {};
}

std::uint64_t StateDirectory::owner() const noexcept { return log::hash_of(owner_.data(), owner_.size(), 0); }

Result<void> StateDirectory::sync() const {
    if (lock_ && problem_.empty() && ::syncfs(directory_.get()) < 0)
        return errno_error(fmt::format("{} cannot be synchronized", path_));
    return {};
}

Result<void> StateDirectory::leave() {
    if (!lock_ || !problem_.empty() || !clean_) return {};
    if (auto synced = sync(); !synced) return synced;
    return write_state(stopped);
}

}  // namespace vserd::restart
