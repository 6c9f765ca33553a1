#include "io/aio_engine.hpp"

#include <aio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

/// They only copy, so more than there are processors would only queue for the C library's one lock.
constexpr int threads_max = 4;
/// They stay: where one ends, another may not be granted.
constexpr int thread_idle_seconds = std::numeric_limits<int>::max();
/// One lio_listio takes at most so many.
constexpr std::size_t batch_max = 64;

/// The library takes this before the first request of the process.
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
    return Error{Failure::unsupported, errno_value, "aio", "aio: " + what + ": " + errno_name(errno_value)};
}

/// The number of a thread that could be given the signal and would swallow it; empty where there is none.
std::string thread_that_takes_the_signal() {
    for (const int thread : base::numbers_in("/proc/self/task")) {
        std::string number = std::to_string(thread);
        std::ifstream status("/proc/self/task/" + number + "/status");
        for (std::string line; std::getline(status, line);) {
            if (!line.starts_with("SigBlk:")) continue;
            const auto blocked = std::stoull(line.substr(sizeof "SigBlk:"), nullptr, 16);
            if ((blocked >> (aio_signal - 1) & 1U) == 0) return number;
        }
    }
    return {};
}

}  // namespace

struct AioEngine::Request {
    aiocb block{};  // stays put until it has completed
    Key key = 0;
    OperationKind kind = OperationKind::read;
    bool stream = false;
};

Result<std::unique_ptr<Engine>> AioEngine::create() {
#if defined(__SANITIZE_THREAD__)
    return Error{Failure::unsupported, 0, "aio",
                 "aio: ThreadSanitizer does not know the C library's threads and crashes"};
#endif
    block_engine_signals();
    if (const std::string thread = thread_that_takes_the_signal(); !thread.empty()) {
        return Error{Failure::unsupported, 0, "aio",
                     "aio: thread " + thread + " does not block SIGURG; block it before the first thread starts"};
    }
    size_the_library();
    auto set = create_set();
    if (!set) return set.error();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, aio_signal);
    base::Fd completions{::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)};
    if (!completions) return aio_refusal("signalfd", errno);
    std::unique_ptr<AioEngine> engine{new AioEngine{std::move(*set), std::move(completions)}};
    if (auto hosted = engine->host(engine->signals_.get()); !hosted) return hosted.error();
    return std::unique_ptr<Engine>{std::move(engine)};
}

AioEngine::AioEngine(base::Fd epoll, base::Fd signals) noexcept
    : EpollEngine(std::move(epoll)), signals_(std::move(signals)) {}

AioEngine::~AioEngine() {
    for (Request* request : under_way_) {
        const std::array<const aiocb*, 1> one{&request->block};
        ::aio_cancel(request->block.aio_fildes, &request->block);
        while (::aio_error(&request->block) == EINPROGRESS) ::aio_suspend(one.data(), 1, nullptr);
        ::aio_return(&request->block);
    }
}

AioEngine::Request& AioEngine::request(Key key, OperationKind kind) {
    const std::size_t place = std::size_t{slot_of(key)} * 2 + static_cast<std::size_t>(kind);
    if (place >= requests_.size()) requests_.resize(place + 1);
    if (!requests_[place]) requests_[place] = std::make_unique<Request>();
    requests_[place]->key = key;
    requests_[place]->kind = kind;
    return *requests_[place];
}

std::optional<Transfer> AioEngine::transfer(Key key, int fd, const Operation& op, bool stream) noexcept {
    Request& wanted = request(key, op.kind);
    wanted.stream = stream;
    aiocb& block = wanted.block;
    block = {};
    block.aio_fildes = fd;
    block.aio_buf = op.data;
    block.aio_nbytes = op.kind == OperationKind::read ? std::min(op.size, read_gather_bytes_max) : op.size;
    block.aio_lio_opcode = op.kind == OperationKind::read ? LIO_READ : LIO_WRITE;
    block.aio_sigevent.sigev_notify = SIGEV_SIGNAL;
    block.aio_sigevent.sigev_signo = aio_signal;
    wanted_.push_back(&wanted);
    return std::nullopt;
}

void AioEngine::hasten(Key key, OperationKind kind) noexcept {
    aiocb& block = request(key, kind).block;
    ::aio_cancel(block.aio_fildes, &block);
}

void AioEngine::submit() noexcept {
    std::array<aiocb*, batch_max> batch{};
    for (std::size_t at = 0; at < wanted_.size();) {
        std::size_t count = 0;
        for (; count < batch.size() && at + count < wanted_.size(); ++count) batch[count] = &wanted_[at + count]->block;
        ::lio_listio(LIO_NOWAIT, batch.data(), static_cast<int>(count), nullptr);
        at += count;
    }
    under_way_.insert(under_way_.end(), wanted_.begin(), wanted_.end());
    wanted_.clear();
}

void AioEngine::collect() noexcept {
    EpollEngine::collect();
    signalfd_siginfo signal{};
    const ssize_t ignored = ::read(signals_.get(), &signal, sizeof signal);  // before the look, or one would be missed
    static_cast<void>(ignored);
    under_way_.erase(
        std::remove_if(under_way_.begin(), under_way_.end(), [this](Request* request) { return complete(*request); }),
        under_way_.end());
}

/// Returns whether it has completed.
bool AioEngine::complete(Request& request) noexcept {
    const int errno_value = ::aio_error(&request.block);
    if (errno_value == EINPROGRESS) return false;
    const ssize_t size = ::aio_return(&request.block);
    const ssize_t result = errno_value != 0 ? -errno_value : size;
    Transfer moved{-EAGAIN, false};
    if (result != -EINTR) {
        moved = request.kind == OperationKind::read ? read_outcome(result, request.block.aio_nbytes, request.stream)
                                                    : write_outcome(result);
    }
    transferred(request.key, request.kind, moved);
    return true;
}

}  // namespace vserd::io
