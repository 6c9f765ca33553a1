#include "io/sigio_engine.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "io/engine_signals.hpp"

namespace vserd::io {
namespace {

/// Batches of signals that one collect() reads, and collects that may pass without a look for hang-ups while signals come.
constexpr int batches_max = 4;
constexpr unsigned collects_without_hang_ups_max = 16;

/// Of the signalfd in the epoll set; no slot has this number.
constexpr std::uint64_t signals_key = ~std::uint64_t{0};

/// The engine that settled in this thread last, by a number that it drew then. Compared in each drain(), so it must cost
/// nothing, and the kernel's and pthreads' numbers of threads are used again.
thread_local std::uint64_t tenant = 0;
/// Whether it is still there.
thread_local std::weak_ptr<void> tenant_life;
std::atomic<std::uint64_t> tenancies{0};

Error sigio_refusal(std::string what, int errno_value) {
    Error error{Failure::unsupported, errno_value, "sigio",
                "sigio: " + std::move(what) + ": " + errno_name(errno_value)};
    if (errno_value == ENOTTY) error.message += "; the device has no asynchronous notification";
    if (errno_value == EPERM) error.message += "; the device cannot be waited for";
    if (errno_value == EMFILE) error.message += "; raise RLIMIT_NOFILE (LimitNOFILE= in the systemd unit)";
    if (errno_value == ENOSPC) error.message += "; raise fs.epoll.max_user_watches";
    return error;
}

bool set_owner(int fd, pid_t thread) noexcept {
    const f_owner_ex owner{F_OWNER_TID, thread};
    return ::fcntl(fd, F_SETOWN_EX, &owner) == 0;
}

/// O_ASYNC alone, unlike F_SETFL, which would write O_NONBLOCK too and is silent about a driver without the operation.
bool set_async(int fd, int on) noexcept { return ::ioctl(fd, FIOASYNC, &on) == 0; }

}  // namespace

Result<std::unique_ptr<Engine>> SigioEngine::create() {
    if (!tenant_life.expired()) {
        return Error{Failure::exhausted, 0, "sigio", "sigio: another engine of this kind serves this thread already"};
    }
    block_engine_signals();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sigio_signal());
    sigaddset(&set, sigio_overflow_signal);
    base::Fd signals{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
    if (!signals) return sigio_refusal("signalfd", errno);
    base::Fd hang_ups{::epoll_create1(EPOLL_CLOEXEC)};
    if (!hang_ups) return sigio_refusal("epoll_create1", errno);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = signals_key}};
    if (::epoll_ctl(hang_ups.get(), EPOLL_CTL_ADD, signals.get(), &event) != 0)
        return sigio_refusal("epoll_ctl", errno);
    return std::unique_ptr<Engine>{new SigioEngine{std::move(signals), std::move(hang_ups)}};
}

SigioEngine::SigioEngine(base::Fd signals, base::Fd hang_ups) noexcept
    : signals_(std::move(signals)), hang_ups_(std::move(hang_ups)) {
    settle_in_this_thread();
}

SigioEngine::~SigioEngine() {
    for (const Watch& watch : watches_) {
        if (watch.fd >= 0) set_async(watch.fd, 0);
    }
}

bool SigioEngine::is_elsewhere() const noexcept { return tenant != tenancy_; }

/// What was signaled to the thread before is lost with it.
void SigioEngine::settle_in_this_thread() noexcept {
    block_engine_signals();
    tenant = tenancy_ = ++tenancies;
    life_ = std::make_shared<char>();
    tenant_life = life_;
    thread_ = ::gettid();
    for (const Watch& watch : watches_) {
        if (watch.fd >= 0) set_owner(watch.fd, thread_);
    }
    try_everything();
}

Result<void> SigioEngine::admit(Key key, int fd) {
    if (is_elsewhere()) settle_in_this_thread();
    const Slot slot = slot_of(key);
    const auto number = static_cast<std::size_t>(fd);
    if (slot >= watches_.size()) watches_.resize(slot + 1);
    if (number >= slots_.size()) slots_.resize(number + 1);

    epoll_event event{.events = EPOLLRDHUP | EPOLLET, .data = {.u64 = key}};
    if (::epoll_ctl(hang_ups_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return sigio_refusal("epoll_ctl", errno);
    const bool told = set_owner(fd, thread_) && ::fcntl(fd, F_SETSIG, sigio_signal()) == 0;
    if (!told || !set_async(fd, 1)) {
        const int errno_value = errno;
        ::epoll_ctl(hang_ups_.get(), EPOLL_CTL_DEL, fd, nullptr);
        return sigio_refusal(told ? "FIOASYNC" : "F_SETSIG", errno_value);
    }
    watches_[slot] = Watch{.key = key, .fd = fd};
    slots_[number] = slot;
    return {};
}

void SigioEngine::dismiss(Key key, int fd) noexcept {
    set_async(fd, 0);
    ::fcntl(fd, F_SETSIG, 0);
    ::epoll_ctl(hang_ups_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watches_[slot_of(key)].fd = -1;
}

/// A tty signals that there is room only where it knew of the waiting write before the room came, and it learns of it
/// from the attempt that failed: room that came meanwhile must be looked for. Once: from then on it knows.
void SigioEngine::await(Key key, int fd, OperationKind kind) noexcept {
    Watch& watch = watches_[slot_of(key)];
    if (kind == OperationKind::read || std::exchange(watch.looked, true)) return;
    pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
    if (::poll(&room, 1, 0) == 1) became_ready(key, static_cast<unsigned>(room.revents));
}

void SigioEngine::collect() noexcept {
    if (is_elsewhere()) settle_in_this_thread();
    // A hang-up that waits keeps wait_fd() readable, so it has its turn soon.
    if (take_signals() && ++collects_without_hang_ups_ < collects_without_hang_ups_max) return;
    collects_without_hang_ups_ = 0;
    take_hang_ups();
}

/// Returns whether there were any.
bool SigioEngine::take_signals() noexcept {
    constexpr std::size_t size = sizeof(signalfd_siginfo);
    bool any = false;
    more_ = true;
    for (int batches = 0; more_ && batches < batches_max; ++batches) {
        const ssize_t got = ::read(signals_.get(), batch_.data(), sizeof batch_);
        const std::size_t count = got > 0 ? static_cast<std::size_t>(got) / size : 0;
        for (std::size_t i = 0; i < count; ++i) signaled(batch_[i]);
        more_ = count == batch_.size();
        any = any || count > 0;
    }
    return any;
}

void SigioEngine::signaled(const signalfd_siginfo& signal) noexcept {
    if (signal.ssi_signo == static_cast<unsigned>(sigio_overflow_signal)) return try_everything();
    const auto number = static_cast<std::size_t>(signal.ssi_fd);
    if (signal.ssi_fd < 0 || number >= slots_.size()) return;
    Watch& watch = watches_[slots_[number]];
    if (watch.fd != signal.ssi_fd) return;  // it was closed meanwhile
    watch.looked = false;
    if (!watch.hung_up) return became_ready(watch.key, signal.ssi_band & (POLLIN | POLLPRI | POLLOUT | POLLRDHUP));
    // A pty's other end may be opened again; the signal does not tell.
    pollfd state{.fd = watch.fd, .events = POLLIN | POLLOUT, .revents = 0};
    ::poll(&state, 1, 0);
    watch.hung_up = (state.revents & POLLHUP) != 0;
    became_ready(watch.key, static_cast<unsigned>(state.revents));
}

void SigioEngine::try_everything() noexcept {
    for (Watch& watch : watches_) {
        if (watch.fd < 0) continue;
        watch.looked = false;
        became_ready(watch.key, POLLIN | POLLOUT | (watch.hung_up ? POLLHUP : 0U));
    }
}

void SigioEngine::take_hang_ups() noexcept {
    std::array<epoll_event, 64> events;
    const int count = ::epoll_wait(hang_ups_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.u64 == signals_key) continue;
        Watch& watch = watches_[slot_of(event.data.u64)];
        if (watch.fd < 0 || watch.key != event.data.u64) continue;
        watch.hung_up = (event.events & EPOLLHUP) != 0;
        became_ready(watch.key, event.events);
    }
}

}  // namespace vserd::io
