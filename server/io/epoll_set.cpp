#include "io/epoll_set.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <utility>

namespace vserd::io {
namespace {

constexpr std::uint32_t events_read = EPOLLIN | EPOLLRDHUP | EPOLLET;

static_assert(EPOLLIN == 0x001 && EPOLLOUT == 0x004 && EPOLLERR == 0x008 && EPOLLHUP == 0x010 && EPOLLRDHUP == 0x2000,
              "epoll events are poll events");

Error add_error(int errno_value) {
    Error error = errno_error("epoll_ctl", errno_value);
    error.failure = Failure::unsupported;
    if (errno_value == EPERM) error.message = "epoll_ctl: EPERM; the device does not support poll";
    if (errno_value == ENOSPC) error.message = "epoll_ctl: ENOSPC; raise fs.epoll.max_user_watches";
    return error;
}

}  // namespace

Result<EpollSet> EpollSet::create() {
    base::Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    if (!epoll) {
        const int errno_value = errno;
        Error error = errno_error("epoll_create1", errno_value);
        error.message =
            fmt::format("epoll_create1: {}{}", errno_name(errno_value),
                        errno_value == EMFILE ? "; raise RLIMIT_NOFILE (LimitNOFILE= in the systemd unit)" : "");
        return error;
    }
    return EpollSet{std::move(epoll)};
}

Result<void> EpollSet::add_silent(int fd) noexcept {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = silent}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return add_error(errno);
    return {};
}

Result<void> EpollSet::add(Key key, int fd) {
    const auto slot = static_cast<Slot>(key);
    if (slot >= watches_.size()) watches_.resize(slot + 1);
    watches_[slot] = Watch{.fd = fd};
    epoll_event event{.events = events_read, .data = {.u64 = key}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return add_error(errno);
    return {};
}

void EpollSet::remove(int fd) noexcept {
    // This fails only if the owner has already closed the descriptor; then the kernel has removed it.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

int EpollSet::wait_for_room(Key key) noexcept {
    watch_of(key).write_waiting = true;
    return watch_of(key).writable ? 0 : watch_writable(key, true);
}

int EpollSet::fetch() noexcept {
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), 0);
    more_ = count == static_cast<int>(events_.size());
    return count;
}

/// Stops watching for EPOLLOUT when it is reported and no write has waited since the last report.
void EpollSet::stop_unused_watch(const epoll_event& event) noexcept {
    Watch& watch = watch_of(event.data.u64);
    if ((event.events & EPOLLOUT) != 0 && !std::exchange(watch.write_waiting, false))
        watch_writable(event.data.u64, false);
}

int EpollSet::watch_writable(Key key, bool on) noexcept {
    Watch& watch = watch_of(key);
    epoll_event event{.events = on ? events_read | EPOLLOUT : events_read, .data = {.u64 = key}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, watch.fd, &event) != 0) return errno;
    watch.writable = on;
    return 0;
}

}  // namespace vserd::io
