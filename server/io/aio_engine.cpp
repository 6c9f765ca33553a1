#include "io/aio_engine.hpp"

#include <aio.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <fstream>
#include <limits>
#include <mutex>
#include <string>
#include <utility>

#include "base/numbers_in.hpp"
#include "io/engine_signals.hpp"

namespace vserd::io {
namespace {

/// The threads only copy bytes. More of them would wait for the C library's single lock.
constexpr int threads_max = 4;
/// Threads never end, because the system may refuse to create new ones later.
constexpr int thread_idle_seconds = std::numeric_limits<int>::max();
/// Operation::state of an operation that was started and has not completed.
constexpr std::uint32_t outstanding = 1;
/// Requests in one lio_listio.
constexpr std::size_t batch_max = 64;

/// Must run before the first request of the process.
void size_the_library() {
    static std::once_flag once;
    std::call_once(once, [] {
        aioinit sizes{};
        sizes.aio_threads = threads_max;
        sizes.aio_num = batch_max;
        sizes.aio_idle_time = thread_idle_seconds;
        ::aio_init(&sizes);
    });
}

Error aio_refusal(const std::string& what, int errno_value) {
    return Error{Failure::unsupported, errno_value, "aio", fmt::format("aio: {}: {}", what, errno_name(errno_value))};
}

/// Returns the id of a thread that does not block the signal and could receive it, or an empty string.
std::string thread_that_takes_the_signal() {
    for (const int thread : base::numbers_in("/proc/self/task")) {
        std::string number = std::to_string(thread);
        std::ifstream status(fmt::format("/proc/self/task/{}/status", number));
        for (std::string line; std::getline(status, line);) {
            if (!line.starts_with("SigBlk:")) continue;
            const auto blocked = std::stoull(line.substr(sizeof "SigBlk:"), nullptr, 16);
            if ((blocked >> (aio_signal - 1) & 1U) == 0) return number;
        }
    }
    return {};
}

}  // namespace

/// One direction of one descriptor.
struct AioEngine::Request {
    enum class State : std::uint8_t {
        idle,
        waiting,    // for its descriptor
        queued,     // for submit()
        moving,     // a thread has it
        canceling,  // a thread has it, and aio_cancel() was called
        done,       // drain() completes it
    };

    Slot slot = 0;
    OperationKind kind = OperationKind::read;
    State state = State::idle;
    bool may_work = true;  // the descriptor is not exhausted since it was last ready
    Operation* op = nullptr;
    aiocb block{};
};

Result<std::unique_ptr<Engine>> AioEngine::create() {
#if defined(__SANITIZE_THREAD__)
    return Error{Failure::unsupported, 0, "aio",
                 "aio: ThreadSanitizer does not know the C library's threads and crashes"};
#endif
    block_engine_signals();
    if (const std::string thread = thread_that_takes_the_signal(); !thread.empty()) {
        return Error{
            Failure::unsupported, 0, "aio",
            fmt::format("aio: thread {} does not block SIGURG; block it before the first thread starts", thread)};
    }
    size_the_library();
    auto set = EpollSet::create();
    if (!set) return set.error();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, aio_signal);
    base::Fd completions{::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)};
    if (!completions) return aio_refusal("signalfd", errno);
    std::unique_ptr<AioEngine> engine{new AioEngine{std::move(*set), std::move(completions)}};
    if (auto added = engine->set_.add_silent(engine->signals_.get()); !added) return added.error();
    return std::unique_ptr<Engine>{std::move(engine)};
}

AioEngine::AioEngine(EpollSet set, base::Fd signals) noexcept : set_(std::move(set)), signals_(std::move(signals)) {}

AioEngine::~AioEngine() {
    for (Request* request : moving_) {
        const std::array<const aiocb*, 1> one{&request->block};
        ::aio_cancel(request->block.aio_fildes, &request->block);
        while (::aio_error(&request->block) == EINPROGRESS) ::aio_suspend(one.data(), 1, nullptr);
        ::aio_return(&request->block);
    }
}

Result<Slot> AioEngine::attach(int fd) {
    if (const auto served = check_nonblocking(fd); !served) return served.error();
    const auto free = entries_.next();
    if (!free) return free.error();
    const Slot slot = *free;
    if (auto added = set_.add(key_of(slot), fd); !added) return added.error();
    Entry& entry = entries_.take();
    entry.fd = fd;
    entry.stream = reads_as_stream(fd);
    entry.hung_up = false;
    entry.unwatchable_errno = 0;
    for (const OperationKind kind : {OperationKind::read, OperationKind::write}) {
        auto& request = entry.requests[static_cast<std::size_t>(kind)];
        if (!request) request = std::make_unique<Request>();
        request->slot = slot;
        request->kind = kind;
        request->may_work = true;
    }
    return slot;
}

void AioEngine::detach(Slot slot) noexcept {
    Entry& entry = entries_[slot];
    assert(entry.fd >= 0);
    for (const auto& request : entry.requests) assert(request->state == Request::State::idle);
    set_.remove(std::exchange(entry.fd, -1));
    ++entry.generation;
    entries_.give_back(slot);
}

AioEngine::Request& AioEngine::request_of(const Operation& op) noexcept {
    return *entries_[op.slot].requests[static_cast<std::size_t>(op.kind)];
}

void AioEngine::start(Operation& op) noexcept {
    assert(op.slot < entries_.size() && op.size > 0 && op.complete != nullptr);
    Request& request = request_of(op);
    assert(entries_[op.slot].fd >= 0 && request.state == Request::State::idle);
    op.state = outstanding;
    request.op = &op;
    request.may_work ? queue(request) : wait_for_device(request);
}

void AioEngine::cancel(Operation& op) noexcept {
    if (op.state != outstanding) return;
    Request& request = request_of(op);
    // An edge-triggered report may already be used up, so the next operation must start with an attempt.
    request.may_work = true;
    switch (request.state) {
        case Request::State::queued:
            queued_.erase(std::find(queued_.begin(), queued_.end(), &request));
            [[fallthrough]];
        case Request::State::waiting: return set_done(request, -ECANCELED);
        case Request::State::moving:
            request.state = Request::State::canceling;
            ::aio_cancel(request.block.aio_fildes, &request.block);
            return;
        case Request::State::idle:
        case Request::State::canceling:
        case Request::State::done: return;
    }
}

void AioEngine::retry(Slot slot) noexcept {
    for (const auto& request : entries_[slot].requests) wake(*request);
}

void AioEngine::queue(Request& request) noexcept {
    request.state = Request::State::queued;
    queued_.push_back(&request);
}

void AioEngine::wake(Request& request) noexcept {
    request.may_work = true;
    if (request.state == Request::State::waiting) queue(request);
}

void AioEngine::set_done(Request& request, ssize_t result) noexcept {
    request.state = Request::State::done;
    request.op->result = result;
    done_.push_back(&request);
}

std::size_t AioEngine::drain() noexcept {
    collect();
    std::size_t completions = 0;
    std::size_t bytes = 0;
    while (!done_.empty() && completions < drain_operations_max && bytes < drain_bytes_max) {
        Request& request = *done_.front();
        done_.pop_front();
        Operation& op = *std::exchange(request.op, nullptr);
        request.state = Request::State::idle;
        op.state = 0;
        if (op.result > 0) bytes += static_cast<std::size_t>(op.result);
        ++completions;
        op.complete(op, op.result);  // this may free the operation
    }
    submit();
    return completions;
}

void AioEngine::collect() noexcept {
    set_.collect([this](EpollSet::Key key, unsigned events) { became_ready(key, events); });
    // Consume the signal before aio_error() is called, or a completion in between would be missed.
    signalfd_siginfo signal{};
    const ssize_t ignored = ::read(signals_.get(), &signal, sizeof signal);
    static_cast<void>(ignored);
    moving_.erase(
        std::remove_if(moving_.begin(), moving_.end(), [this](Request* request) { return take_result(*request); }),
        moving_.end());
}

void AioEngine::became_ready(EpollSet::Key key, unsigned poll_events) noexcept {
    const auto slot = static_cast<Slot>(key);
    Entry& entry = entries_[slot];
    if (entry.fd < 0 || key != key_of(slot)) return;  // the report is about an earlier user of the slot
    constexpr unsigned ended = POLLHUP | POLLERR;
    // The kernel may report the end only once, before its last bytes are read: from now on, read until the end shows.
    if ((poll_events & (POLLRDHUP | ended)) != 0) entry.stream = false;
    entry.hung_up = (poll_events & POLLHUP) != 0;
    if ((poll_events & (POLLIN | POLLPRI | POLLRDHUP | ended)) != 0) wake(*entry.requests[0]);
    if ((poll_events & (POLLOUT | ended)) != 0) wake(*entry.requests[1]);
}

/// Returns whether a thread has completed the request.
bool AioEngine::take_result(Request& request) noexcept {
    const int errno_value = ::aio_error(&request.block);
    if (errno_value == EINPROGRESS) return false;
    const ssize_t size = ::aio_return(&request.block);
    const ssize_t result = errno_value != 0 ? -errno_value : size;
    Transfer moved{-EAGAIN, false};
    if (result != -EINTR) {
        moved = request.kind == OperationKind::read
                    ? read_outcome(result, request.block.aio_nbytes, entries_[request.slot].stream)
                    : write_outcome(result);
    }
    complete_or_wait(request, moved);
    return true;
}

void AioEngine::complete_or_wait(Request& request, Transfer moved) noexcept {
    const Entry& entry = entries_[request.slot];
    if (!moved.exhausted) request.may_work = true;
    if (moved.result != -EAGAIN) return set_done(request, moved.result);
    if (request.state == Request::State::canceling) return set_done(request, -ECANCELED);
    if (entry.unwatchable_errno != 0) return set_done(request, -entry.unwatchable_errno);
    // A full pty master whose other end is closed returns EAGAIN and POLLHUP forever.
    if (entry.hung_up && request.kind == OperationKind::write) return set_done(request, -EIO);
    request.may_work ? queue(request) : wait_for_device(request);
}

void AioEngine::wait_for_device(Request& request) noexcept {
    request.state = Request::State::waiting;
    if (request.kind == OperationKind::read) return;  // watched since attach()
    Entry& entry = entries_[request.slot];
    entry.unwatchable_errno = set_.wait_for_room(key_of(request.slot));
    if (entry.unwatchable_errno != 0) retry(request.slot);
}

void AioEngine::prepare(Request& request) noexcept {
    request.state = Request::State::moving;
    request.may_work = false;  // before the transfer, so that a report during it sets it again
    const bool reads = request.kind == OperationKind::read;
    aiocb& block = request.block;
    block = {};
    block.aio_fildes = entries_[request.slot].fd;
    block.aio_buf = request.op->data;
    block.aio_nbytes = reads ? std::min(request.op->size, read_gather_bytes_max) : request.op->size;
    block.aio_lio_opcode = reads ? LIO_READ : LIO_WRITE;
    block.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    block.aio_sigevent.sigev_signo = aio_signal;
}

void AioEngine::submit() noexcept {
    std::array<aiocb*, batch_max> batch{};
    std::size_t left = drain_operations_max;
    while (!queued_.empty() && left > 0) {
        std::size_t count = 0;
        for (; count < batch.size() && !queued_.empty(); ++count) {
            Request& request = *queued_.front();
            queued_.pop_front();
            prepare(request);
            batch[count] = &request.block;
            moving_.push_back(&request);
        }
        ::lio_listio(LIO_NOWAIT, batch.data(), static_cast<int>(count), nullptr);
        left -= std::min(left, count);
    }
}

}  // namespace vserd::io
