#include "soak/pty_device.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "support/pty.hpp"
#include "support/traffic.hpp"

namespace vserd::soak {
namespace {

/// With the bytes under way, readers that never stop stay well inside the history.
constexpr std::uint64_t ahead_bytes_max = 96 * 1024;
constexpr std::size_t burst_bytes_max = 4096;
constexpr int pause_ms_max = 20;

}  // namespace

PtyDevice::PtyDevice(Port& port, std::uint64_t seed) : port_(port), random_(seed), thread_([this] { run(); }) {}

PtyDevice::~PtyDevice() {
    stopping_ = true;
    thread_.join();
    std::error_code ignored;
    std::filesystem::remove(port_.device, ignored);
}

void PtyDevice::plug() {
    auto pty = test::open_pty();
    pty.slave.reset();
    const std::string made = port_.device + ".new";
    const std::string target = pty.path;
    {
        const std::lock_guard lock(mutex_);
        pty_ = std::move(pty);
        released_ = false;
    }
    plugged_ = true;
    std::filesystem::create_symlink(target, made);
    std::filesystem::rename(made, port_.device);
}

void PtyDevice::unplug() {
    std::filesystem::remove(port_.device);
    const std::lock_guard lock(mutex_);
    pty_.reset();
    plugged_ = false;
}

void PtyDevice::rewind(std::uint64_t offset) { sent_ = offset; }

void PtyDevice::set_quiet(bool quiet) {
    const std::lock_guard lock(mutex_);
    quiet_ = quiet;
}

void PtyDevice::run() {
    while (!stopping_) {
        pollfd readable{-1, POLLIN, 0};
        {
            const std::lock_guard lock(mutex_);
            if (pty_) {
                receive();
                send();
                if (!released_) readable.fd = pty_->master.get();
            }
        }
        // An unplug closes the descriptor meanwhile at worst, and the pause is short.
        ::poll(&readable, 1, 1 + static_cast<int>(random_() % pause_ms_max));
    }
}

void PtyDevice::send() {
    if (quiet_ || released_ || !port_.is_online()) return;
    const std::uint64_t ahead = sent_ - std::min(sent_.load(), port_.delivered_to_all());
    if (ahead > ahead_bytes_max) return;
    const std::string burst = test::sent_bytes(port_.seed, sent_, 1 + random_() % burst_bytes_max);
    const ssize_t size = ::write(pty_->master.get(), burst.data(), burst.size());
    if (size > 0) sent_ += static_cast<std::uint64_t>(size);
}

void PtyDevice::receive() {
    std::array<char, 16384> bytes;
    for (;;) {
        const ssize_t size = ::read(pty_->master.get(), bytes.data(), bytes.size());
        if (size > 0) {
            port_.writes.arrived({bytes.data(), static_cast<std::size_t>(size)});
            continue;
        }
        if (size < 0 && errno == EIO) released_ = true;  // until somebody opens it
        if (size < 0 && errno == EAGAIN) released_ = false;
        return;
    }
}

}  // namespace vserd::soak
