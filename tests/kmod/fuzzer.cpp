#include "fuzzer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <thread>

#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {

// The memory lies low, so that calls of 32-bit programs reach it too.
Fuzzer::Fuzzer(unsigned seed, std::atomic<unsigned long>& calls)
    : random_(seed),
      calls_(calls),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      memory_(static_cast<char*>(
          ::mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0))) {
    fds_.fill(-1);
    ::mprotect(memory_ + memory_bytes / 2, page, PROT_NONE);
    ::mprotect(memory_ + memory_bytes / 2 + page, page, PROT_READ);
    ::syscall(SYS_io_setup, 32, &aio_);
    // Without a pipe, splice has a bad descriptor to deal with.
    [[maybe_unused]] const int ignored = ::pipe2(pipe_.data(), O_CLOEXEC | O_NONBLOCK);
}

void Fuzzer::run() {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    std::thread{[this] { help(); }}.detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    // Calls that would wait for ever end here.
    const itimerval often{{0, 2000}, {0, 2000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    for (;;) {
        step();
        calls_.fetch_add(made_, std::memory_order_relaxed);
        made_ = 0;
    }
}

/// Good memory, memory that ends, or nonsense.
void* Fuzzer::pointer() {
    switch (pick(10)) {
        case 0: return nullptr;
        case 1: return reinterpret_cast<void*>(static_cast<unsigned long>(random_()) << pick(33));
        case 2: return memory_ + memory_bytes / 2 - pick(64);
        case 3: return memory_ + memory_bytes / 2 + page;
        default: return memory_ + pick(memory_bytes / 2);
    }
}

/// Sizes around the ring's edges, and silly ones.
std::size_t Fuzzer::size() {
    constexpr std::size_t edges[] = {0, 1, 2, 15, 16, 17, 31, 4095, 4096, 4097, 65536, ~std::size_t{0}, 1u << 31};
    return pick(2) == 0 ? pick(5000) : pick(edges);
}

unsigned long Fuzzer::request() {
    constexpr unsigned directions[] = {_IOC_NONE, _IOC_READ, _IOC_WRITE, _IOC_READ | _IOC_WRITE};
    constexpr unsigned sizes[] = {0, 4, 8, 16, 64};
    constexpr unsigned long known[] = {VS_SET_BAUD,    VS_GET_BAUD,   VS_SET_FFMT,     VS_GET_FFMT, VS_GET_SIGNALS,
                                       VS_SET_SIGNALS, VS_SEND_BREAK, VS_WAIT_SIGNALS, VS_FLUSH,    VS_GET_STATS,
                                       VS_GET_VERSION, VS_GET_QUEUED, VS_CANCEL_ASYNC, VS_DRAIN,    FIONREAD,
                                       TIOCOUTQ,       FIONBIO,       FIOASYNC,        FIOCLEX};
    switch (pick(8)) {
        case 0: return random_();
        case 1: return _IOC(pick(directions), VS_MAGIC, pick(16), pick(sizes));
        default: return pick(known);
    }
}

/// Arguments for ioctl, half of them within or near what is valid. Only the first page: the others may be taken away.
void Fuzzer::fill() {
    const unsigned long words[] = {pick(16), random_(), pick(5000000), 0x80108 + pick(8)};
    auto* numbers = reinterpret_cast<__u32*>(memory_);
    for (unsigned i = 0; i < 16; ++i) numbers[i] = static_cast<__u32>(pick(words));
}

void Fuzzer::step() {
    switch (pick(23)) {
        case 0: open_one(); break;
        case 1: close_one(); break;
        case 2:
        case 3: call(SYS_read, fd(), pointer(), size()); break;
        case 4:
        case 5: call(SYS_write, fd(), pointer(), size()); break;
        case 6:
        case 7: vectored(); break;
        case 8:
        case 9:
        case 10: ioctl_any(); break;
        case 11:
        case 12: call_32(); break;
        case 13: poll_some(); break;
        case 14: control(); break;
        case 15:
        case 16: native_aio(); break;
        case 17:
        case 18:
        case 19: uring(); break;
        case 20: odd_calls(); break;
        case 21: splice_any(); break;
        default: with_the_helper(); break;
    }
}

void Fuzzer::open_one() {
    constexpr int flags[] = {O_RDWR,
                             O_RDWR | O_NONBLOCK,
                             O_RDWR | O_NONBLOCK,
                             O_RDONLY | O_NONBLOCK,
                             O_WRONLY | O_NONBLOCK,
                             O_RDWR | O_APPEND,
                             O_RDWR | O_DIRECT,
                             O_PATH};
    auto& place = slot();
    if (place >= 0) ::close(place);
    static const std::string nodes[] = {node_path(0), node_path(1), node_path(2), node_path(3)};
    place = static_cast<int>(call(SYS_open, nodes[pick(4)].c_str(), pick(flags) | O_CLOEXEC, 0));
}

void Fuzzer::close_one() {
    auto& place = slot();
    if (place >= 0) call(SYS_close, place);
    place = -1;
}

void Fuzzer::vectored() {
    std::array<iovec, 16> pieces;
    for (auto& piece : pieces) piece = {pointer(), pick(4) == 0 ? size() : pick(600)};
    constexpr long numbers[] = {SYS_readv, SYS_writev, SYS_preadv2, SYS_pwritev2};
    call(pick(numbers), fd(), pieces.data(), pick(18), -1, -1, pick(64));
}

void Fuzzer::ioctl_any() {
    fill();
    call(SYS_ioctl, fd(), request(), pick(2) == 0 ? memory_ : pointer());
}

/// What a 32-bit program would call: ioctl, read, write, readv, writev.
void Fuzzer::call_32() {
    struct {
        __u32 base;
        __u32 length;
    } pieces[4];
    for (auto& piece : pieces) {
        piece = {static_cast<__u32>(reinterpret_cast<unsigned long>(pointer())), static_cast<__u32>(size())};
    }
    constexpr long numbers[] = {54, 54, 54, 3, 4, 145, 146};
    long number = pick(numbers);
    unsigned long second = reinterpret_cast<unsigned long>(pointer());
    unsigned long third = size();
    if (number == 54) {
        fill();
        third = second;
        second = request();
    } else if (number > 100) {
        std::memcpy(memory_, pieces, sizeof pieces);
        second = reinterpret_cast<unsigned long>(memory_);
        third = pick(6);
    }
    ++made_;
    asm volatile("int $0x80"
                 : "+a"(number)
                 : "b"(static_cast<long>(fd())), "c"(second), "d"(third)
                 : "memory", "r8", "r9", "r10", "r11");
}

void Fuzzer::poll_some() {
    pollfd entries[] = {{fd(), static_cast<short>(random_()), 0}, {fd(), POLLIN | POLLOUT | POLLPRI, 0}};
    call(SYS_poll, entries, 2, pick(2));
    epoll_event event{};
    call(SYS_epoll_wait, epoll_, &event, 1, 0);
    event.events = static_cast<__u32>(random_());
    call(SYS_epoll_ctl, epoll_, 1 + pick(3), fd(), pick(4) == 0 ? pointer() : &event);
}

void Fuzzer::control() {
    constexpr int commands[] = {F_SETFL, F_SETFL, F_SETOWN, F_SETSIG, F_GETFL, F_DUPFD_CLOEXEC};
    const int command = pick(commands);
    // Mostly without O_NONBLOCK taken away, or everything would wait for the timer.
    long value = static_cast<long>(random_()) | (pick(4) == 0 ? 0 : O_NONBLOCK);
    if (command == F_SETOWN) value = ::getpid();
    if (command == F_SETSIG) value = SIGRTMIN;  // ignored; anything else might end this process
    const long result = call(SYS_fcntl, fd(), command, value);
    if (command == F_DUPFD_CLOEXEC && result >= 0) {
        auto& place = slot();
        if (place >= 0) ::close(place);
        place = static_cast<int>(result);
    }
}

/// What nobody does to a serial port.
void Fuzzer::odd_calls() {
    switch (pick(9)) {
        case 0: call(SYS_lseek, fd(), random_(), pick(6)); break;
        case 1: call(SYS_pread64, fd(), pointer(), size(), random_()); break;
        case 2: call(SYS_mmap, nullptr, page, PROT_READ, MAP_SHARED, fd(), 0); break;
        case 3: call(SYS_ftruncate, fd(), random_()); break;
        case 4: call(SYS_fsync, fd()); break;
        case 5: call(SYS_fallocate, fd(), pick(4), 0, page); break;
        case 6: call(SYS_flock, fd(), pick(16) | 4); break;
        case 7: call(SYS_fadvise64, fd(), 0, page, pick(8)); break;
        default: call(SYS_fstat, fd(), pointer()); break;
    }
}

void Fuzzer::native_aio() {
    auto& request = requests_[pick(16)];
    iocb* list[] = {&request};
    request = aio_request(static_cast<int>(pick(9)), fd(), pointer(), size());
    if (pick(8) == 0) request.aio_rw_flags = static_cast<int>(pick(64));
    if (request.aio_lio_opcode == IOCB_CMD_POLL) request = aio_request(IOCB_CMD_POLL, fd(), nullptr, 0);
    if (request.aio_lio_opcode == IOCB_CMD_POLL) request.aio_buf = POLLIN | POLLOUT;
    call(SYS_io_submit, aio_, 1, list);
    io_event event{};
    if (pick(2) == 0) call(SYS_io_cancel, aio_, &requests_[pick(16)], &event);
    timespec none{0, 0};
    call(SYS_io_getevents, aio_, 0, 1, &event, &none);
    if (pick(200) == 0) {
        call(SYS_io_destroy, aio_);
        aio_ = 0;
        call(SYS_io_setup, 32, &aio_);
    }
}

void Fuzzer::splice_any() {
    if (pick(2) == 0) {
        call(SYS_splice, fd(), nullptr, pipe_[1], nullptr, pick(8192), SPLICE_F_NONBLOCK);
    } else {
        [[maybe_unused]] const auto ignored = ::write(pipe_[1], memory_, 100);
        call(SYS_splice, pipe_[0], nullptr, fd(), nullptr, pick(8192), SPLICE_F_NONBLOCK);
    }
    [[maybe_unused]] const auto ignored = ::read(pipe_[0], memory_ + page, page);
}

/// Another thread closes the descriptor or takes the memory away while a call uses them.
void Fuzzer::with_the_helper() {
    auto& place = slot();
    const int victim = place;
    const bool close = victim >= 0 && pick(4) == 0;
    if (close) place = -1;
    job_ = close ? victim : drop_memory;
    job_.notify_one();
    constexpr long numbers[] = {SYS_read, SYS_write};
    call(pick(numbers), victim, memory_ + page, size() % (memory_bytes / 2 - page));
    while (job_ != no_job) ::sched_yield();
}

void Fuzzer::help() {
    for (;;) {
        job_.wait(no_job);
        const int job = job_;
        if (job >= 0) ::close(job);
        if (job == drop_memory) ::madvise(memory_ + page, memory_bytes / 2 - page, MADV_DONTNEED);
        job_ = no_job;
    }
}

}  // namespace vserd::kmodtest
