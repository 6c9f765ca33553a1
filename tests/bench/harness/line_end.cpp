#include "harness/line_end.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace vserd::bench {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t sync_burst_bytes = 1;
constexpr auto sync_interval = 5ms;
constexpr auto quiet_time = 50ms;  // after the last zero, for those still on their way

void catch_wake_signal() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);  // no SA_RESTART: it must end the system call
}

void write_all(int fd, std::span<const std::byte> bytes, const std::atomic<bool>& stop) {
    while (!bytes.empty() && !stop.load(std::memory_order_relaxed)) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put > 0) bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
}

void echo(int fd, const std::atomic<bool>& stop) {
    std::array<std::byte, 4096> buffer;
    while (!stop.load(std::memory_order_relaxed)) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got > 0) write_all(fd, {buffer.data(), static_cast<std::size_t>(got)}, stop);
    }
}

void sink(int fd, StreamCheck& check, const std::atomic<bool>& stop) {
    std::vector<std::byte> buffer(pattern_piece_bytes);
    while (!stop.load(std::memory_order_relaxed)) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got > 0) check.feed({buffer.data(), static_cast<std::size_t>(got)});
    }
}

void source(int fd, const std::function<bool()>& synced, const std::function<std::uint64_t()>& received,
            const std::atomic<bool>& stop) {
    const std::array<std::byte, sync_burst_bytes> zero{};
    while (!synced() && !stop.load()) {
        write_all(fd, zero, stop);
        std::this_thread::sleep_for(sync_interval);
    }
    std::this_thread::sleep_for(quiet_time);
    std::uint64_t sent = 0;
    while (!stop.load(std::memory_order_relaxed)) {
        if (sent - received() >= SourceDevice::window_bytes) {
            std::this_thread::sleep_for(20us);
            continue;
        }
        const auto piece = pattern_at(sent, pattern_piece_bytes);
        write_all(fd, piece, stop);
        sent += piece.size();
    }
}

}  // namespace

Line open_line() {
    Line line;
    line.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    std::array<char, 128> name{};
    if (!line.master || ::grantpt(line.master.get()) != 0 || ::unlockpt(line.master.get()) != 0 ||
        ::ptsname_r(line.master.get(), name.data(), name.size()) != 0) {
        throw std::runtime_error(std::string("cannot open a pseudo terminal: ") + std::strerror(errno));
    }
    line.path = name.data();
    line.slave.reset(::open(line.path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!line.slave) throw std::runtime_error("cannot open " + line.path + ": " + std::strerror(errno));
    termios raw{};
    ::tcgetattr(line.slave.get(), &raw);
    ::cfmakeraw(&raw);
    ::tcsetattr(line.slave.get(), TCSANOW, &raw);
    return line;
}

std::vector<Line> open_lines(std::size_t count) {
    std::vector<Line> lines;
    lines.reserve(count);
    for (std::size_t i = 0; i < count; ++i) lines.push_back(open_line());
    return lines;
}

void flush(const Line& line) {
    ::tcflush(line.slave.get(), TCIOFLUSH);
    ::tcflush(line.master.get(), TCIOFLUSH);
}

Worker::Worker(std::function<void(const std::atomic<bool>&)> run) {
    catch_wake_signal();
    thread_ = std::thread([this, run = std::move(run)] {
        run(stop_);
        done_.store(true);
    });
}

Worker::~Worker() {
    stop_.store(true);
    while (!done_.load()) {
        ::pthread_kill(thread_.native_handle(), SIGUSR1);
        std::this_thread::sleep_for(1ms);
    }
    thread_.join();
}

EchoDevice::EchoDevice(const Line& line)
    : worker_([fd = line.master.get()](const std::atomic<bool>& stop) { echo(fd, stop); }) {}

SourceDevice::SourceDevice(const Line& line, std::function<bool()> synced, std::function<std::uint64_t()> received)
    : worker_([fd = line.master.get(), synced = std::move(synced),
               received = std::move(received)](const std::atomic<bool>& stop) { source(fd, synced, received, stop); }) {
}

SinkDevice::SinkDevice(const Line& line)
    : worker_([fd = line.master.get(), this](const std::atomic<bool>& stop) { sink(fd, check_, stop); }) {}

TrickleDevices::TrickleDevices(const std::vector<Line>& lines)
    : worker_([&lines, this](const std::atomic<bool>& stop) { run(lines, stop); }) {}

void TrickleDevices::run(const std::vector<Line>& lines, const std::atomic<bool>& stop) {
    constexpr std::size_t steps = 10;  // of 1 ms each
    const std::array<std::byte, 1> zero{};
    std::uint64_t offset = 0;
    auto next = Clock::now();
    while (!stop.load() && !stopped_.load()) {
        const bool pattern = pattern_.load();
        const auto burst = pattern ? pattern_at(offset, burst_bytes) : std::span<const std::byte>(zero);
        for (std::size_t step = 0; step < steps && !stop.load(); ++step) {
            std::this_thread::sleep_until(next);
            next += 1ms;
            for (std::size_t i = step; i < lines.size(); i += steps) {
                const ssize_t put = ::write(lines[i].master.get(), burst.data(), burst.size());
                if (put != static_cast<ssize_t>(burst.size())) refused_.fetch_add(1, std::memory_order_relaxed);
            }
        }
        if (pattern) offset += burst.size();
        offered_.store(offset, std::memory_order_relaxed);
    }
}

}  // namespace vserd::bench
