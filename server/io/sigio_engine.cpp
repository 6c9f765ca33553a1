#include "io/sigio_engine.hpp"

#include <fcntl.h>
#include <fmt/core.h>
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

/// Batches of signals that one poll() reads, and polls in a row that may skip the hang-ups while signals arrive.
constexpr int batches_max = 4;
constexpr unsigned collects_without_hang_ups_max = 16;

/// The signalfd's key in the epoll set. No slot has it.
constexpr std::uint64_t signals_key = ~std::uint64_t{0};

/// The engine that this thread drains. Each drain() compares it, so it must be cheap; thread ids would not do, because the
/// kernel and pthreads use them again.
thread_local std::uint64_t thread_engine_id = 0;
/// Expired when that engine is destroyed.
thread_local std::weak_ptr<void> thread_engine_life;
std::atomic<std::uint64_t> last_engine_id{0};

Error sigio_refusal(std::string what, int errno_value) {
    Error error{Failure::unsupported, errno_value, "sigio",
                fmt::format("sigio: {}: {}", what, errno_name(errno_value))};
    if (errno_value == ENOTTY) error.message += "; the device does not support asynchronous notification";
    if (errno_value == EPERM) error.message += "; the device does not support poll";
    if (errno_value == EMFILE) error.message += "; raise RLIMIT_NOFILE (LimitNOFILE= in the systemd unit)";
    if (errno_value == ENOSPC) error.message += "; raise fs.epoll.max_user_watches";
    return error;
}

bool set_owner(int fd, pid_t thread) noexcept {
    const f_owner_ex owner{F_OWNER_TID, thread};
    return ::fcntl(fd, F_SETOWN_EX, &owner) == 0;
}

/// Changes O_ASYNC only. F_SETFL would also write O_NONBLOCK, and it does not fail if the driver lacks the operation.
bool set_async(int fd, int on) noexcept { return ::ioctl(fd, FIOASYNC, &on) == 0; }

}  // namespace

Result<std::unique_ptr<Engine>> SigioEngine::create() {
    if (!thread_engine_life.expired()) {
        return Error{Failure::exhausted, 0, "sigio", "sigio: this thread already has a sigio engine"};
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

bool SigioEngine::is_elsewhere() const noexcept { return thread_engine_id != engine_id_; }

/// Signals that are queued for the former thread are lost, so every descriptor is tried.
void SigioEngine::settle_in_this_thread() noexcept {
    block_engine_signals();
    thread_engine_id = engine_id_ = ++last_engine_id;
    life_ = std::make_shared<char>();
    thread_engine_life = life_;
    thread_ = ::gettid();
    for (const Watch& watch : watches_) {
        if (watch.fd >= 0) set_owner(watch.fd, thread_);
    }
    try_everything();
}

Result<void> SigioEngine::add(Key key, int fd) {
    if (is_elsewhere()) settle_in_this_thread();
    const Slot slot = slot_of(key);
    const auto number = static_cast<std::size_t>(fd);
    if (slot >= watches_.size()) watches_.resize(slot + 1);
    if (number >= slots_.size()) slots_.resize(number + 1);

    epoll_event event{.events = EPOLLRDHUP | EPOLLET, .data = {.u64 = key}};
    if (::epoll_ctl(hang_ups_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return sigio_refusal("epoll_ctl", errno);
    const bool directed = set_owner(fd, thread_) && ::fcntl(fd, F_SETSIG, sigio_signal()) == 0;
    if (!directed || !set_async(fd, 1)) {
        const int errno_value = errno;
        ::epoll_ctl(hang_ups_.get(), EPOLL_CTL_DEL, fd, nullptr);
        return sigio_refusal(directed ? "FIOASYNC" : "F_SETSIG", errno_value);
    }
    watches_[slot] = Watch{.key = key, .fd = fd};
    slots_[number] = slot;
    return {};
}

void SigioEngine::remove(Key key, int fd) noexcept {
    set_async(fd, 0);
    ::fcntl(fd, F_SETSIG, 0);
    ::epoll_ctl(hang_ups_.get(), EPOLL_CTL_DEL, fd, nullptr);
    watches_[slot_of(key)].fd = -1;
}

/// A tty signals room only to a write that it knows of, and it learns of the write from the failed attempt. The tty may have
/// made room before that, so the first wait polls once.
void SigioEngine::arm(Key key, int fd, OperationKind kind) noexcept {
    Watch& watch = watches_[slot_of(key)];
    if (kind == OperationKind::read || std::exchange(watch.polled, true)) return;
    pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
    if (::poll(&room, 1, 0) == 1) became_ready(key, static_cast<unsigned>(room.revents));
}

void SigioEngine::poll() noexcept {
    if (is_elsewhere()) settle_in_this_thread();
    // A waiting hang-up keeps wait_fd() readable, so it is handled soon.
    if (take_signals() && ++collects_without_hang_ups_ < collects_without_hang_ups_max) return;
    collects_without_hang_ups_ = 0;
    take_hang_ups();
}

/// Returns whether any were queued.
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
    if (watch.fd != signal.ssi_fd) return;  // closed meanwhile
    watch.polled = false;
    if (!watch.hung_up) return became_ready(watch.key, signal.ssi_band & (POLLIN | POLLPRI | POLLOUT | POLLRDHUP));
    // The other end of a pty may be open again; the signal does not say so.
    pollfd state{.fd = watch.fd, .events = POLLIN | POLLOUT, .revents = 0};
    ::poll(&state, 1, 0);
    watch.hung_up = (state.revents & POLLHUP) != 0;
    became_ready(watch.key, static_cast<unsigned>(state.revents));
}

void SigioEngine::try_everything() noexcept {
    for (Watch& watch : watches_) {
        if (watch.fd < 0) continue;
        watch.polled = false;
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
