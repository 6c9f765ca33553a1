// vser_bench: the driver against a pty pair moving the same bytes, inside the virtual machine. Absolute figures mean
// nothing under emulation, so both sides are measured in turns in one run and the ratio is what counts.
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pty.h>
#include <sys/epoll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/module.hpp"

namespace vserd::kmodtest {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Where bytes go in and where they come out.
struct Pipe {
    Fd in;
    Fd out;
};

Pipe make_pty() {
    int master = -1;
    int slave = -1;
    termios raw{};
    ::cfmakeraw(&raw);
    if (::openpty(&master, &slave, nullptr, &raw, nullptr) != 0) std::abort();
    return {Fd{master}, Fd{slave}};
}

Pipe make_vser() { return {open_port(0), open_port(0)}; }

/// Bytes per second, a block of 4 kB at a time.
double throughput(const Pipe& pipe, double seconds) {
    std::array<char, 4096> block{};
    double bytes = 0;
    const auto start = Clock::now();
    while (seconds_since(start) < seconds) {
        if (::write(pipe.in.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size())) std::abort();
        std::size_t had = 0;
        while (had < block.size()) {
            const ssize_t count = ::read(pipe.out.get(), block.data(), block.size());
            if (count <= 0) std::abort();
            had += static_cast<std::size_t>(count);
        }
        bytes += static_cast<double>(had);
    }
    return bytes / seconds_since(start);
}

/// The median time from writing a byte to having read it, in seconds.
double round_trip(const Pipe& pipe, int rounds) {
    std::vector<double> times;
    char byte = 'x';
    for (int i = 0; i < rounds; ++i) {
        const auto start = Clock::now();
        if (::write(pipe.in.get(), &byte, 1) != 1 || ::read(pipe.out.get(), &byte, 1) != 1) std::abort();
        times.push_back(seconds_since(start));
    }
    std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
    return times[static_cast<std::size_t>(rounds / 2)];
}

template <class Measure>
double median_of_five(Measure measure) {
    std::array<double, 5> values{};
    for (auto& value : values) value = measure();
    std::sort(values.begin(), values.end());
    return values[2];
}

long thread_count() {
    const std::filesystem::directory_iterator tasks{"/proc/self/task"};
    return std::distance(begin(tasks), end(tasks));
}

long workers_for_pending_reads(int fd, unsigned reads) {
    io_uring ring{};
    if (::io_uring_queue_init(reads, &ring, 0) != 0) std::abort();
    const long before = thread_count();
    std::vector<char> buffer(reads);
    for (unsigned i = 0; i < reads; ++i) ::io_uring_prep_read(::io_uring_get_sqe(&ring), fd, &buffer[i], 1, 0);
    ::io_uring_submit(&ring);
    const long workers = thread_count() - before;
    ::io_uring_queue_exit(&ring);
    return workers;
}

/// Processor time of the whole machine so far: everything that is not idle, in seconds.
double busy_seconds() {
    std::ifstream stat{"/proc/stat"};
    std::string name;
    std::array<double, 8> ticks{};
    stat >> name;
    for (auto& value : ticks) stat >> value;
    const double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
    return busy / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct PacedLoad {
    double busy;  ///< share of one processor, what the idle machine takes subtracted
    double rate;  ///< bytes that crossed, as a share of what the wires can carry
};

/// Keeps all ports sending and reads what arrives.
PacedLoad paced_load(int ports, double seconds) {
    std::vector<Fd> fds;
    const Fd set{::epoll_create1(0)};
    for (int i = 0; i < ports; ++i) {
        fds.push_back(open_port(i, O_NONBLOCK));
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fds.back().get();
        ::epoll_ctl(set.get(), EPOLL_CTL_ADD, fds.back().get(), &event);
    }
    const double idle_before = busy_seconds();
    ::sleep(static_cast<unsigned>(seconds));
    const double idle = busy_seconds() - idle_before;

    const std::string block(2048, 'x');
    for (const auto& fd : fds) write_all(fd.get(), block);
    const double before = busy_seconds();
    const auto start = Clock::now();
    double bytes = 0;
    std::array<char, 4096> buffer;
    while (seconds_since(start) < seconds) {
        std::array<epoll_event, 64> events;
        const int count = ::epoll_wait(set.get(), events.data(), static_cast<int>(events.size()), 100);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            const ssize_t got = ::read(fd, buffer.data(), buffer.size());
            bytes += static_cast<double>(std::max<ssize_t>(got, 0));
            if (got > 0 && ::write(fd, buffer.data(), static_cast<std::size_t>(got)) != got) std::abort();
        }
        ::usleep(50000);  // a reader that batches, so that the driver is what is measured
    }
    const double time = seconds_since(start);
    return {(busy_seconds() - before - idle) / time, bytes / (11520 * time * ports)};
}

void row(const char* what, double vser, double pty, const char* unit, double ratio, const char* wanted) {
    std::printf("| %-44s | %10.3g %-6s | %10.3g %-6s | %6.2f | %-14s |\n", what, vser, unit, pty, unit, ratio, wanted);
}

int run() {
    std::puts(
        "| what                                         | vser              | pty               | ratio  | wanted      "
        "   |");
    std::puts("| --- | --- | --- | --- | --- |");
    {
        const Module module{"pacing=0"};
        const auto vser = make_vser();
        const auto pty = make_pty();
        const double vser_rate = median_of_five([&] { return throughput(vser, 0.5); });
        const double pty_rate = median_of_five([&] { return throughput(pty, 0.5); });
        row("loopback throughput, 4 kB writes", vser_rate / 1e6, pty_rate / 1e6, "MB/s", vser_rate / pty_rate,
            ">= 3, aim 10");
        const double vser_time = median_of_five([&] { return round_trip(vser, 2000); });
        const double pty_time = median_of_five([&] { return round_trip(pty, 2000); });
        row("one byte, write to read", vser_time * 1e6, pty_time * 1e6, "us", vser_time / pty_time, "<= 0.7, aim 0.4");
        std::printf("worker threads for 256 pending io_uring reads: vser %ld (wanted 0), pty %ld\n",
                    workers_for_pending_reads(vser.out.get(), 256), workers_for_pending_reads(pty.out.get(), 256));
    }
    {
        const Module module{"pacing=1 ports=64"};
        const auto load = paced_load(64, 5);
        std::printf("64 paced ports at 115200 baud: %.1f %% of one processor (wanted < 3), %.1f %% of their rate\n",
                    100 * load.busy, 100 * load.rate);
    }
    return 0;
}

}  // namespace
}  // namespace vserd::kmodtest

int main() { return vserd::kmodtest::run(); }
