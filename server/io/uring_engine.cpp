#include "io/uring_engine.hpp"

#include <fmt/core.h>
#include <liburing.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace vserd::io {
namespace {

constexpr unsigned kernel_has_work = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;

/// Without IORING_SETUP_DEFER_TASKRUN: with it, poll on the ring's descriptor is not woken (seen on Linux 6.18), and the ring
/// cannot move to another thread.
constexpr std::array<unsigned, 2> setup_flags_by_preference{
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,  // Linux 5.19
    0U,
};

std::string what_to_do(int errno_value) {
    switch (errno_value) {
        case EPERM: return "; allow io_uring in the container's seccomp profile or set kernel.io_uring_disabled=0";
        case ENOSYS: return "; run Linux 5.13 or later, or allow io_uring in the container's seccomp profile";
        case ENOMEM: return "; raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the systemd unit)";
        case EMFILE: return "; raise RLIMIT_NOFILE (LimitNOFILE= in the systemd unit)";
        default: return "";
    }
}

unsigned kernel_flags(const io_uring& ring) noexcept { return IO_URING_READ_ONCE(*ring.sq.kflags); }

}  // namespace

Result<std::unique_ptr<Engine>> UringEngine::create(Entries entries) {
    auto ring = std::make_unique<io_uring>();
    int error = 0;
    for (const unsigned flags : setup_flags_by_preference) {
        io_uring_params params{};
        params.flags = flags | IORING_SETUP_CQSIZE;
        params.cq_entries = entries.completions;
        error = -::io_uring_queue_init_params(entries.submissions, ring.get(), &params);
        if (error != EINVAL) break;  // an older kernel does not know one of the flags
    }
    if (error != 0) {
        return Error{Failure::unsupported, error, "io_uring",
                     fmt::format("io_uring_setup: {}{}", errno_name(error), what_to_do(error))};
    }
    return std::unique_ptr<Engine>{new UringEngine{std::move(ring)}};
}

UringEngine::UringEngine(std::unique_ptr<io_uring> ring) noexcept : ring_(std::move(ring)) {}

UringEngine::~UringEngine() { ::io_uring_queue_exit(ring_.get()); }

int UringEngine::wait_fd() const noexcept { return ring_->ring_fd; }

Result<void> UringEngine::add(Key key, int /*fd*/) {
    const Slot slot = slot_of(key);
    if (slot >= armed_.size()) {
        armed_.resize(slot + 1);
        wanted_.reserve(armed_.size() * 4);  // two polls and their two cancels each, so that nothing below allocates
    }
    armed_[slot] = 0;
    return {};
}

/// Cancels the polls now: each holds a reference to the open file, so close() would not close the device.
void UringEngine::remove(Key key, int /*fd*/) noexcept {
    const auto unsent = std::remove_if(wanted_.begin(), wanted_.end(), [&](const Wanted& wanted) {
        if (wanted.key != key) return false;
        armed_[slot_of(key)] &= static_cast<std::uint8_t>(~(1U << static_cast<unsigned>(wanted.request)));
        return true;
    });
    wanted_.erase(unsent, wanted_.end());
    for (const Request request : {Request::poll_read, Request::poll_write}) {
        if ((armed_[slot_of(key)] & (1U << static_cast<unsigned>(request))) == 0) continue;
        wanted_.push_back({key | Key{static_cast<std::uint8_t>(request)} << key_bits, -1, Request::cancel});
    }
    armed_[slot_of(key)] = 0;
    submit();
    ::io_uring_get_events(ring_.get());
}

void UringEngine::arm(Key key, int fd, OperationKind kind) noexcept {
    const Request request = kind == OperationKind::read ? Request::poll_read : Request::poll_write;
    const auto bit = static_cast<std::uint8_t>(1U << static_cast<unsigned>(request));
    if ((armed_[slot_of(key)] & bit) != 0) return;
    armed_[slot_of(key)] |= bit;
    wanted_.push_back({key, fd, request});
}

void UringEngine::poll() noexcept {
    if ((kernel_flags(*ring_) & kernel_has_work) != 0) ::io_uring_get_events(ring_.get());
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(ring_.get(), head, cqe) {
        completed(cqe->user_data, cqe->res, (cqe->flags & IORING_CQE_F_MORE) != 0);
        ++count;
    }
    ::io_uring_cq_advance(ring_.get(), count);
}

void UringEngine::completed(std::uint64_t user_data, int result, bool more) noexcept {
    const auto request = static_cast<Request>(user_data >> key_bits);
    if (request == Request::cancel) return;
    const Key key = user_data & key_mask;
    if (!is_current(key)) return;
    if (!more) armed_[slot_of(key)] &= static_cast<std::uint8_t>(~(1U << static_cast<unsigned>(request)));
    const unsigned events = request == Request::poll_read ? POLLIN : POLLOUT;
    if (result >= 0) {
        became_ready(key, static_cast<unsigned>(result) | events);
    } else if (result == -ECANCELED || (result == -EINVAL && request == Request::poll_write)) {
        // Try again and submit a new poll. ECANCELED: the thread that submitted the poll has ended. EINVAL: a tty wakes its
        // pollers when its settings change; the kernel then re-arms a one-shot poll and fails, because a tty has two wait
        // queues. If the device cannot be polled at all, the poll for reading fails too.
        became_ready(key, events);
    } else {
        became_unwatchable(key, -result);
    }
}

void UringEngine::submit() noexcept {
    std::size_t sent = 0;
    while (sent < wanted_.size() && prepare(wanted_[sent])) ++sent;
    wanted_.erase(wanted_.begin(), wanted_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (::io_uring_sq_ready(ring_.get()) > 0) ::io_uring_submit(ring_.get());
}

bool UringEngine::has_more() const noexcept {
    return !wanted_.empty() || ::io_uring_sq_ready(ring_.get()) > 0 || ::io_uring_cq_ready(ring_.get()) > 0 ||
           (kernel_flags(*ring_) & kernel_has_work) != 0;
}

/// Returns whether the submission ring had room.
bool UringEngine::prepare(const Wanted& wanted) noexcept {
    io_uring_sqe* sqe = ::io_uring_get_sqe(ring_.get());
    if (sqe == nullptr) {
        ::io_uring_submit(ring_.get());
        sqe = ::io_uring_get_sqe(ring_.get());
    }
    if (sqe == nullptr) return false;  // the ring is full; the next drain() tries again
    switch (wanted.request) {
        case Request::poll_read: ::io_uring_prep_poll_multishot(sqe, wanted.fd, POLLIN | POLLRDHUP); break;
        case Request::poll_write: ::io_uring_prep_poll_add(sqe, wanted.fd, POLLOUT); break;
        case Request::cancel: ::io_uring_prep_cancel64(sqe, wanted.key, 0); break;
    }
    const Key key = wanted.request == Request::cancel ? 0 : wanted.key;
    sqe->user_data = key | Key{static_cast<std::uint8_t>(wanted.request)} << key_bits;
    return true;
}

}  // namespace vserd::io
