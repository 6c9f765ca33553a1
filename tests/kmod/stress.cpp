// vser_stress: sixteen threads on four ports mix every way to move bytes with signals, faults, settings and unbinding
// for a while. Two things are verified: nothing crashes or hangs, and on the one port without faults or unbinding every
// byte that one writer sends reaches the one reader, in order.
#include <aio.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/module.hpp"
#include "support/native_aio.hpp"

namespace vserd::kmodtest {
namespace {

using Clock = std::chrono::steady_clock;
using Random = std::minstd_rand;

constexpr int verified_port = 3;
constexpr int rough_ports = 3;

std::atomic<bool> stop = false;
std::atomic<unsigned long long> operations = 0;
std::atomic<unsigned long long> verified_bytes = 0;
std::atomic<unsigned> corrupted = 0;

unsigned pick(Random& random, unsigned limit) { return static_cast<unsigned>(random()) % limit; }

/// A rough port's descriptor, or -1 while it is unbound.
Fd open_any(Random& random) {
    const int mode = pick(random, 4) != 0 ? O_NONBLOCK : 0;  // blocked calls wait for a signal
    return Fd{::open(node_path(static_cast<int>(pick(random, rough_ports))).c_str(), O_RDWR | O_CLOEXEC | mode)};
}

// ---- One small act each; calls may fail in every documented way, and may not hang for ever: a signal ends them ----

void act_read_write(Random& random, int fd) {
    std::array<char, 6000> buffer;
    const std::size_t size = pick(random, 6000);
    if (pick(random, 2) == 0) {
        [[maybe_unused]] const auto ignored = ::write(fd, buffer.data(), size);
    } else {
        [[maybe_unused]] const auto ignored = ::read(fd, buffer.data(), size);
    }
}

void act_vectored(Random& random, int fd) {
    std::array<char, 512> buffer;
    std::array<iovec, 8> pieces;
    for (auto& piece : pieces) {
        // Some segments point nowhere.
        piece = {pick(random, 10) == 0 ? reinterpret_cast<void*>(16) : buffer.data(), pick(random, 512)};
    }
    if (pick(random, 2) == 0) {
        [[maybe_unused]] const auto ignored = ::writev(fd, pieces.data(), 8);
    } else {
        [[maybe_unused]] const auto ignored = ::readv(fd, pieces.data(), 8);
    }
}

/// What a thread keeps from act to act, because making and unmaking it takes the kernel many milliseconds.
struct Kit {
    Kit() { ::io_uring_queue_init(64, &ring, 0); }
    ~Kit() { ::io_uring_queue_exit(&ring); }
    Kit(const Kit&) = delete;
    Kit& operator=(const Kit&) = delete;

    // The kernel writes here whenever it likes, so the memory goes last.
    std::array<char, 8192> buffer{};
    std::array<iocb, 4> requests{};
    AioContext context{256};
    io_uring ring{};
};

void act_native_aio(Random& random, Kit& kit, int fd) {
    for (auto& request : kit.requests) {
        request = aio_request(pick(random, 2) == 0 ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE, fd, kit.buffer.data(),
                              1 + pick(random, 8191));
        kit.context.submit(request);
    }
    for (auto& request : kit.requests) {
        if (pick(random, 2) == 0) kit.context.cancel(request);
    }
    // Some are left pending, with their descriptor closed and the process none the wiser.
    if (pick(random, 4) != 0) ::ioctl(fd, VS_CANCEL_ASYNC);
    kit.context.events(0, 0);
}

void act_posix_aio(Random& random, int fd) {
    if ((::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) return;  // its helper threads would block for good
    std::array<char, 256> buffer;
    aiocb block{};
    block.aio_fildes = fd;
    block.aio_buf = buffer.data();
    block.aio_nbytes = pick(random, 256);
    if ((pick(random, 2) == 0 ? ::aio_read(&block) : ::aio_write(&block)) != 0) return;
    const aiocb* list[] = {&block};
    while (::aio_error(&block) == EINPROGRESS) ::aio_suspend(list, 1, nullptr);
    ::aio_return(&block);
}

void act_uring(Random& random, Kit& kit, int fd) {
    for (int i = 0; i < 4; ++i) {
        auto* entry = ::io_uring_get_sqe(&kit.ring);
        switch (pick(random, 4)) {
            case 0: ::io_uring_prep_read(entry, fd, kit.buffer.data(), pick(random, 4096), 0); break;
            case 1: ::io_uring_prep_write(entry, fd, kit.buffer.data(), pick(random, 4096), 0); break;
            case 2: ::io_uring_prep_poll_multishot(entry, fd, POLLIN | POLLPRI); break;
            default: {
                ::io_uring_prep_rw(IORING_OP_URING_CMD, entry, fd, nullptr, 0, 0);
                entry->cmd_op = pick(random, 12);
                const vs_uring_arg argument{pick(random, 200000), 0, {0, 0}};
                std::memcpy(entry->cmd, &argument, sizeof argument);
            }
        }
    }
    ::io_uring_prep_cancel_fd(::io_uring_get_sqe(&kit.ring), fd, IORING_ASYNC_CANCEL_ALL);
    ::io_uring_submit(&kit.ring);
    io_uring_cqe* completion = nullptr;
    while (::io_uring_peek_cqe(&kit.ring, &completion) == 0) ::io_uring_cqe_seen(&kit.ring, completion);
}

void act_settings(Random& random, int fd) {
    __u32 baud = 1000000 + pick(random, 3000000);
    vs_ffmt format{static_cast<__u8>(5 + pick(random, 4)), static_cast<__u8>(pick(random, 5)),
                   static_cast<__u8>(pick(random, 3)), 0};
    vs_signals_set wires{VS_SIGNALS_OUT, pick(random, 4)};
    __u32 flush = VS_FLUSH_BOTH;
    __u32 milliseconds = 1;
    vs_stats counters{};
    switch (pick(random, 7)) {
        case 0: ::ioctl(fd, VS_SET_BAUD, &baud); break;
        case 1: ::ioctl(fd, VS_SET_FFMT, &format); break;
        case 2: ::ioctl(fd, VS_SET_SIGNALS, &wires); break;
        case 3: ::ioctl(fd, VS_FLUSH, &flush); break;
        case 4: ::ioctl(fd, VS_SEND_BREAK, &milliseconds); break;
        case 5: ::ioctl(fd, VS_GET_STATS, &counters); break;
        default: {
            vs_signals_wait wait{VS_SIGNALS_ALL, 0, 0, 0};
            ::ioctl(fd, VS_WAIT_SIGNALS, &wait);
        }
    }
}

void act_notification(Random& random, int fd) {
    ::fcntl(fd, F_SETOWN, ::getpid());
    ::fcntl(fd, F_SETSIG, SIGRTMIN + 5);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) ^ O_ASYNC);
    pollfd entry{fd, POLLIN | POLLOUT | POLLPRI, 0};
    ::poll(&entry, 1, static_cast<int>(pick(random, 3)));
}

void rough_thread(unsigned seed) {
    Random random{seed};
    Kit kit;
    while (!stop) {
        const Fd fd = open_any(random);
        if (fd.get() < 0) {
            std::this_thread::yield();
            continue;
        }
        for (unsigned i = 0; i < 20 && !stop; ++i) {
            switch (pick(random, 8)) {
                case 0: act_vectored(random, fd.get()); break;
                case 1: act_native_aio(random, kit, fd.get()); break;
                case 2: act_posix_aio(random, fd.get()); break;
                case 3: act_uring(random, kit, fd.get()); break;
                case 4: act_settings(random, fd.get()); break;
                case 5: act_notification(random, fd.get()); break;
                default: act_read_write(random, fd.get());
            }
            ++operations;
        }
    }
}

// ---- The threads that make trouble ----

void fault_thread(unsigned seed) {
    Random random{seed};
    const char* names[] = {"inject_parity", "inject_frame", "inject_overrun", "inject_break",
                           "bit_flip_ppm",  "drop_ppm",     "link_down",      "ring"};
    while (!stop) {
        set_sysfs(static_cast<int>(pick(random, rough_ports)), std::string{"faults/"} + names[pick(random, 8)],
                  std::to_string(pick(random, 2)));
        get_sysfs(static_cast<int>(pick(random, rough_ports)), "stats/rx_bytes");
        std::this_thread::yield();
    }
}

void unbind_thread(unsigned seed) {
    Random random{seed};
    while (!stop) {
        const auto name = "vser." + std::to_string(pick(random, rough_ports));
        write_file("/sys/bus/platform/drivers/vser/unbind", name);
        if (Module::remove() == 0) std::abort();  // descriptors are open: must be refused
        write_file("/sys/bus/platform/drivers/vser/bind", name);
        std::this_thread::sleep_for(std::chrono::milliseconds{pick(random, 30)});
    }
}

/// Interrupts threads that wait for bytes which never come.
void signal_thread(std::vector<std::thread>& threads) {
    Random random{99};
    while (!stop) {
        for (int i = 0; i < 4; ++i) {
            auto& thread = threads[pick(random, static_cast<unsigned>(threads.size()))];
            ::pthread_kill(thread.native_handle(), SIGUSR1);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

// ---- The verified port ----

void verified_writer() {
    const Fd fd = open_port(verified_port);
    Random sizes{7};
    std::minstd_rand bytes{42};
    std::array<char, 3000> buffer;
    while (!stop) {
        const std::size_t size = 1 + pick(sizes, 2999);
        for (std::size_t i = 0; i < size; ++i) buffer[i] = static_cast<char>(bytes() >> 8);
        std::size_t sent = 0;
        while (sent < size && !stop) {
            const ssize_t count = ::write(fd.get(), buffer.data() + sent, size - sent);
            if (count > 0) sent += static_cast<std::size_t>(count);
        }
    }
}

void verified_reader() {
    const Fd fd = open_port(verified_port);
    Random sizes{8};
    std::minstd_rand bytes{42};
    std::array<char, 5000> buffer;
    while (!stop) {
        const ssize_t count = ::read(fd.get(), buffer.data(), 1 + pick(sizes, 4999));
        for (ssize_t i = 0; i < count; ++i) {
            if (buffer[static_cast<std::size_t>(i)] != static_cast<char>(bytes() >> 8)) ++corrupted;
        }
        if (count > 0) verified_bytes += static_cast<unsigned long long>(count);
    }
}

int run(int seconds) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGRTMIN + 5, &action, nullptr);
    ::sigaction(SIGIO, &action, nullptr);

    const Module module{"pacing=0"};
    const Fd holds_the_module = open_port(verified_port);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 11; ++i) threads.emplace_back(rough_thread, i + 1);
    threads.emplace_back(verified_writer);
    threads.emplace_back(verified_reader);
    std::thread faults{fault_thread, 50};
    std::thread unbinds{unbind_thread, 51};
    std::thread signals{signal_thread, std::ref(threads)};

    std::this_thread::sleep_for(std::chrono::seconds{seconds});
    stop = true;
    faults.join();
    unbinds.join();
    signals.join();
    // Blocked calls end by signals, sent until everyone has gone.
    std::atomic<bool> joined = false;
    std::thread reaper{[&] {
        for (auto& thread : threads) thread.join();
        joined = true;
    }};
    const auto deadline = Clock::now() + std::chrono::seconds{60};
    while (!joined && Clock::now() < deadline) {
        ::kill(::getpid(), SIGUSR1);
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
        write_file("/sys/bus/platform/drivers/vser/unbind", "vser.0");
        write_file("/sys/bus/platform/drivers/vser/unbind", "vser.1");
        write_file("/sys/bus/platform/drivers/vser/unbind", "vser.2");
        write_file("/sys/bus/platform/drivers/vser/unbind", "vser.3");
    }
    if (!joined) {
        std::puts("stress: a thread is stuck in the driver");
        std::fflush(stdout);
        std::_Exit(1);
    }
    reaper.join();
    std::printf("stress: %llu operations, %llu bytes verified, %u wrong\n", operations.load(), verified_bytes.load(),
                corrupted.load());
    return corrupted == 0 && verified_bytes > 0 && operations > 0 ? 0 : 1;
}

}  // namespace
}  // namespace vserd::kmodtest

int main(int argc, char** argv) {
    const int seconds = argc > 2 && std::strcmp(argv[1], "--seconds") == 0 ? std::atoi(argv[2]) : 10;
    return vserd::kmodtest::run(seconds);
}
