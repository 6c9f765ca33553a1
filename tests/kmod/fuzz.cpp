// vser_fuzz: random system calls on the node from unprivileged processes, for a bounded time. It passes when everything
// it started ends, the module unloads and the kernel log is clean (which tests/kmod/run checks).
#include <fcntl.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {
namespace {

constexpr int processes = 6;
constexpr uid_t nobody = 65534;

// Shared with the children.
std::atomic<unsigned long>* calls = nullptr;

class Fuzzer {
public:
    explicit Fuzzer(unsigned seed) : random_(seed) {
        memory_ = static_cast<char*>(
            ::mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        ::mprotect(memory_ + memory_bytes / 2, 4096, PROT_NONE);
        ::mprotect(memory_ + memory_bytes / 2 + 4096, 4096, PROT_READ);
        ::syscall(SYS_io_setup, 32, &aio_);
    }

    void run() {
        for (;;) {
            step();
            calls->fetch_add(1, std::memory_order_relaxed);
        }
    }

private:
    static constexpr std::size_t memory_bytes = 65536;

    unsigned pick(unsigned limit) { return static_cast<unsigned>(random_()) % limit; }
    int fd() { return fds_[pick(static_cast<unsigned>(fds_.size()))]; }

    /// Good memory, memory that ends, or nonsense.
    void* pointer() {
        switch (pick(8)) {
            case 0: return nullptr;
            case 1: return reinterpret_cast<void*>(static_cast<unsigned long>(random_()) << pick(33));
            case 2: return memory_ + memory_bytes / 2 - pick(64);
            case 3: return memory_ + memory_bytes / 2 + 4096;
            default: return memory_ + pick(memory_bytes / 2);
        }
    }
    /// Sizes around the ring's edges, and silly ones.
    std::size_t size() {
        constexpr std::size_t edges[] = {0,       1, 2, 15, 16, 17, 31, 4095, 4096, 4097, 8192, 65536, ~std::size_t{0},
                                         1u << 31};
        return pick(3) == 0 ? pick(5000) : edges[pick(std::size(edges))];
    }
    unsigned long request() {
        if (pick(4) == 0) return random_();
        const unsigned directions[] = {_IOC_NONE, _IOC_READ, _IOC_WRITE, _IOC_READ | _IOC_WRITE};
        const unsigned sizes[] = {0, 4, 8, 16, 64};
        if (pick(3) == 0) return _IOC(directions[pick(4)], VS_MAGIC, pick(16), sizes[pick(5)]);
        constexpr unsigned long known[] = {VS_SET_BAUD,    VS_GET_BAUD,     VS_SET_FFMT,   VS_GET_FFMT, VS_GET_SIGNALS,
                                           VS_SET_SIGNALS, VS_WAIT_SIGNALS, VS_SEND_BREAK, VS_FLUSH,    VS_GET_STATS,
                                           VS_GET_VERSION, VS_CANCEL_ASYNC, VS_GET_QUEUED};
        return known[pick(std::size(known))];
    }

    void step() {
        switch (pick(20)) {
            case 0: open_one(); break;
            case 1: close_one(); break;
            case 2: ::syscall(SYS_read, fd(), pointer(), size()); break;
            case 3: ::syscall(SYS_write, fd(), pointer(), size()); break;
            case 4:
            case 5: vectored(); break;
            case 6:
            case 7:
            case 8: ioctl_any(); break;
            case 9: ioctl_32(); break;
            case 10: poll_some(); break;
            case 11: control(); break;
            case 12: native_aio(); break;
            case 13: uring(); break;
            case 14: ::syscall(SYS_lseek, fd(), random_(), pick(6)); break;
            case 15: ::syscall(SYS_pread64, fd(), pointer(), size(), random_()); break;
            case 16: ::syscall(SYS_mmap, nullptr, 4096, PROT_READ, MAP_SHARED, fd(), 0); break;
            case 17: splice_any(); break;
            case 18: ::syscall(SYS_epoll_ctl, epoll_, 1 + pick(3), fd(), pointer()); break;
            default: concurrent_close(); break;
        }
        // Calls that would wait for ever end here.
        itimerval soon{{0, 2000}, {0, 2000}};
        ::setitimer(ITIMER_REAL, &soon, nullptr);
    }

    void open_one() {
        const int flags[] = {O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK, O_RDWR | O_APPEND, O_RDWR | O_DIRECT,
                             O_PATH};
        auto& slot = fds_[pick(static_cast<unsigned>(fds_.size()))];
        if (slot >= 0) ::close(slot);
        slot = ::open(node_path(static_cast<int>(pick(4))).c_str(), flags[pick(std::size(flags))] | O_CLOEXEC);
    }
    void close_one() {
        auto& slot = fds_[pick(static_cast<unsigned>(fds_.size()))];
        if (slot >= 0) ::close(slot);
        slot = -1;
    }
    void vectored() {
        std::array<iovec, 16> pieces;
        for (auto& piece : pieces) piece = {pointer(), size()};
        constexpr long numbers[] = {SYS_readv, SYS_writev, SYS_preadv2, SYS_pwritev2};
        ::syscall(numbers[pick(4)], fd(), pieces.data(), pick(20), -1, -1, pick(64));
    }
    void ioctl_any() {
        if (pick(3) == 0) fill(256);
        ::syscall(SYS_ioctl, fd(), request(), pointer());
    }
    void ioctl_32() {
        long number = 54;
        asm volatile("int $0x80"
                     : "+a"(number)
                     : "b"(static_cast<long>(fd())), "c"(request()), "d"(pointer())
                     : "memory", "r8", "r9", "r10", "r11");
    }
    void fill(std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; ++i) memory_[i] = static_cast<char>(random_() >> 8);
    }
    void poll_some() {
        pollfd entries[] = {{fd(), static_cast<short>(random_()), 0}, {fd(), POLLIN | POLLOUT | POLLPRI, 0}};
        ::poll(entries, 2, static_cast<int>(pick(3)));
        epoll_event event{};
        ::epoll_wait(epoll_, &event, 1, 0);
    }
    void control() {
        constexpr int commands[] = {F_SETFL, F_SETOWN, F_SETSIG, F_GETFL, F_DUPFD_CLOEXEC};
        const int command = commands[pick(std::size(commands))];
        long value = static_cast<long>(random_());
        if (command == F_SETOWN) value = ::getpid();
        if (command == F_SETSIG) value = SIGRTMIN;  // ignored; anything else might end this process
        const int result = ::fcntl(fd(), command, value);
        if (command == F_DUPFD_CLOEXEC && result >= 0) ::close(result);
    }
    void native_aio() {
        static std::array<iocb, 8> requests;
        iocb* list[] = {&requests[pick(8)]};
        *list[0] = aio_request(static_cast<int>(pick(9)), fd(), pointer(), size());
        ::syscall(SYS_io_submit, aio_, 1, list);
        io_event event{};
        if (pick(2) == 0) ::syscall(SYS_io_cancel, aio_, &requests[pick(8)], &event);
        timespec none{0, 0};
        ::syscall(SYS_io_getevents, aio_, 0, 1, &event, &none);
        if (pick(50) == 0) {
            ::syscall(SYS_io_destroy, aio_);
            aio_ = 0;
            ::syscall(SYS_io_setup, 32, &aio_);
        }
    }
    /// One random submission on a ring of its own, by hand: liburing would never build such entries.
    void uring() {
        io_uring_params parameters{};
        const int ring = static_cast<int>(::syscall(SYS_io_uring_setup, 4, &parameters));
        if (ring < 0) return;
        const std::size_t queue_bytes = parameters.sq_off.array + 4 * parameters.sq_entries;
        auto* queue = static_cast<char*>(::mmap(nullptr, queue_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0));
        auto* entries = static_cast<io_uring_sqe*>(
            ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES));
        if (queue != MAP_FAILED && entries != MAP_FAILED) {
            constexpr __u8 operations[] = {IORING_OP_READ,     IORING_OP_WRITE,    IORING_OP_READV,
                                           IORING_OP_WRITEV,   IORING_OP_POLL_ADD, IORING_OP_URING_CMD,
                                           IORING_OP_URING_CMD};
            io_uring_sqe entry{};
            entry.opcode = operations[pick(std::size(operations))];
            entry.fd = fd();
            entry.addr = reinterpret_cast<__u64>(pointer());
            entry.len = static_cast<__u32>(size());
            if (entry.opcode == IORING_OP_URING_CMD) {
                entry.addr = 0;
                entry.cmd_op = pick(14);
                const vs_uring_arg argument{static_cast<__u32>(random_()), pick(4), {pick(8) == 0, 0}};
                std::memcpy(entry.cmd, &argument, sizeof argument);
            }
            entries[0] = entry;
            *reinterpret_cast<__u32*>(queue + parameters.sq_off.array) = 0;
            *reinterpret_cast<__u32*>(queue + parameters.sq_off.tail) += 1;
            ::syscall(SYS_io_uring_enter, ring, 1, 0, 0, nullptr, 0);
        }
        if (entries != MAP_FAILED) ::munmap(entries, 4096);
        if (queue != MAP_FAILED) ::munmap(queue, queue_bytes);
        ::close(ring);
    }
    void splice_any() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
        if (pick(2) == 0) {
            ::splice(fd(), nullptr, ends[1], nullptr, pick(8192), SPLICE_F_NONBLOCK);
        } else {
            [[maybe_unused]] const auto ignored = ::write(ends[1], memory_, 100);
            ::splice(ends[0], nullptr, fd(), nullptr, pick(8192), SPLICE_F_NONBLOCK);
        }
        ::close(ends[0]);
        ::close(ends[1]);
    }
    /// A descriptor is closed by another thread while a call uses it.
    void concurrent_close() {
        auto& slot = fds_[pick(static_cast<unsigned>(fds_.size()))];
        const int victim = slot;
        slot = -1;
        if (victim < 0) return;
        std::thread closer{[victim] { ::close(victim); }};
        ::syscall(pick(2) == 0 ? SYS_read : SYS_write, victim, memory_, size() % 8192);
        closer.join();
    }

    std::minstd_rand random_;
    std::array<int, 6> fds_{-1, -1, -1, -1, -1, -1};
    int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    char* memory_ = nullptr;
    aio_context_t aio_ = 0;
};

[[noreturn]] void child(unsigned seed) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, nullptr);
    for (const int number : {SIGSEGV, SIGBUS, SIGILL}) ::signal(number, SIG_DFL);
    const rlimit files{256, 256};
    ::setrlimit(RLIMIT_NOFILE, &files);
    if (::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(3);
    Fuzzer{seed}.run();
    ::_exit(4);
}

int run(int seconds, unsigned first_seed) {
    void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    calls = new (shared) std::atomic<unsigned long>{0};
    for (const auto* parameters : {"pacing=0", "pacing=1 topology=pair fifo_bytes=16"}) {
        Module module{parameters};
        for (int port = 0; port < 4; ++port) {
            open_port(port);
            ::chmod(node_path(port).c_str(), 0666);
        }
        std::vector<pid_t> children;
        for (unsigned i = 0; i < processes; ++i) {
            const pid_t pid = ::fork();
            if (pid == 0) child(first_seed + i);
            children.push_back(pid);
        }
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{seconds * 500};
        unsigned next_seed = first_seed + processes;
        unsigned restarted = 0;
        while (std::chrono::steady_clock::now() < end) {
            int status = 0;
            const pid_t gone = ::waitpid(-1, &status, WNOHANG);
            if (gone > 0) {
                // A fuzzer that hit its own memory is replaced; one that could not start is a failure.
                if (WIFEXITED(status)) return 1;
                ++restarted;
                for (auto& pid : children) {
                    if (pid != gone) continue;
                    pid = ::fork();
                    if (pid == 0) child(next_seed);
                    ++next_seed;
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
        }
        for (const pid_t pid : children) ::kill(pid, SIGKILL);
        std::size_t left = children.size();
        if (!eventually(
                [&] {
                    while (left > 0 && ::waitpid(-1, nullptr, WNOHANG) > 0) --left;
                    return left == 0;
                },
                60)) {
            std::puts("fuzz: a process cannot be killed");
            return 1;
        }
        if (!eventually([] { return Module::remove() == 0; }, 60)) {
            std::puts("fuzz: the module cannot be unloaded");
            return 1;
        }
        std::printf("fuzz: %s: first seed %u, %lu calls, %u restarts\n", parameters, first_seed, calls->exchange(0),
                    restarted);
        first_seed = next_seed;
    }
    return 0;
}

}  // namespace
}  // namespace vserd::kmodtest

int main(int argc, char** argv) {
    const int seconds = argc > 2 && std::strcmp(argv[1], "--seconds") == 0 ? std::atoi(argv[2]) : 10;
    const unsigned seed =
        argc > 4 ? static_cast<unsigned>(std::atoi(argv[4])) : static_cast<unsigned>(::getpid()) * 1000;
    return vserd::kmodtest::run(seconds, seed);
}
