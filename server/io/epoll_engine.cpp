#include "io/epoll_engine.hpp"

#include <cerrno>

namespace vserd::io {
namespace {

/// Names what the engine watches for itself.
constexpr std::uint64_t no_slot = ~std::uint64_t{0};

constexpr std::uint32_t events_read = EPOLLIN | EPOLLRDHUP | EPOLLET;

static_assert(EPOLLIN == 0x001 && EPOLLOUT == 0x004 && EPOLLERR == 0x008 && EPOLLHUP == 0x010 && EPOLLRDHUP == 0x2000,
              "epoll events are poll events");

Error admission_error(int errno_value) {
    Error error = errno_error("epoll_ctl", errno_value);
    error.failure = Failure::unsupported;
    if (errno_value == EPERM) error.message = "epoll_ctl: EPERM; the descriptor is not one that can be waited for";
    if (errno_value == ENOSPC) error.message = "epoll_ctl: ENOSPC; raise fs.epoll.max_user_watches";
    return error;
}

}  // namespace

Result<std::unique_ptr<Engine>> EpollEngine::create() {
    auto set = create_set();
    if (!set) return set.error();
    return std::unique_ptr<Engine>{new EpollEngine{std::move(*set)}};
}

Result<base::Fd> EpollEngine::create_set() {
    base::Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    if (!epoll) {
        const int errno_value = errno;
        Error error = errno_error("epoll_create1", errno_value);
        error.message = "epoll_create1: " + errno_name(errno_value);
        if (errno_value == EMFILE) error.message += "; raise RLIMIT_NOFILE (LimitNOFILE= in the systemd unit)";
        return error;
    }
    return epoll;
}

Result<void> EpollEngine::host(int fd) noexcept {
    epoll_event event{.events = EPOLLIN, .data = {.u64 = no_slot}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return admission_error(errno);
    return {};
}

Result<void> EpollEngine::admit(Key key, int fd) {
    const Slot slot = slot_of(key);
    if (slot >= watches_.size()) watches_.resize(slot + 1);
    watches_[slot] = Watch{.fd = fd};
    epoll_event event{.events = events_read, .data = {.u64 = key}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return admission_error(errno);
    return {};
}

void EpollEngine::dismiss(Key /*key*/, int fd) noexcept {
    // It fails only where the owner has closed the descriptor too early, and then the kernel has let go of it already.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EpollEngine::await(Key key, int /*fd*/, OperationKind kind) noexcept {
    if (kind == OperationKind::read) return;  // watched since admit()
    watches_[slot_of(key)].write_waiting = true;
    if (!watches_[slot_of(key)].writable) watch_writable(key, true);
}

void EpollEngine::collect() noexcept {
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), 0);
    more_ = count == static_cast<int>(events_.size());
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events_[static_cast<std::size_t>(i)];
        const Key key = event.data.u64;
        if (key == no_slot) continue;
        // EPOLLOUT stays on while writes keep waiting; the first report that nobody needed turns it off.
        Watch& watch = watches_[slot_of(key)];
        if ((event.events & EPOLLOUT) != 0 && !std::exchange(watch.write_waiting, false)) watch_writable(key, false);
        became_ready(key, event.events);
    }
}

void EpollEngine::watch_writable(Key key, bool on) noexcept {
    Watch& watch = watches_[slot_of(key)];
    epoll_event event{.events = on ? events_read | EPOLLOUT : events_read, .data = {.u64 = key}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, watch.fd, &event) == 0) {
        watch.writable = on;
    } else if (on) {
        became_unwatchable(key, errno);
    }
}

}  // namespace vserd::io
