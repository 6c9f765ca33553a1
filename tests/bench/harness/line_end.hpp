#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "harness/pattern.hpp"

namespace vserd::bench {

/// A pseudo terminal in raw mode. The bench plays the device on `master`; a bridge opens `path`.
struct Line {
    base::Fd master;  ///< blocking
    base::Fd slave;   ///< held open so that the master sees no hang-up between two bridges
    std::string path;
};

Line open_line();
std::vector<Line> open_lines(std::size_t count);
/// Throws away what is in the driver.
void flush(const Line& line);

/// A thread that may be stuck in a system call when it is told to end: a signal gets it out.
class Worker {
public:
    explicit Worker(std::function<void(const std::atomic<bool>& stop)> run);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

private:
    std::atomic<bool> stop_{false};
    std::atomic<bool> done_{false};
    std::thread thread_;
};

/// Sends back what it gets.
class EchoDevice {
public:
    explicit EchoDevice(const Line& line);

private:
    Worker worker_;
};

/// Sends zeroes until `synced` says that all readers are there, then the pattern, never more than `window_bytes` ahead
/// of `received`: a device has no way to wait, but a measure of lossless rate needs one.
class SourceDevice {
public:
    static constexpr std::uint64_t window_bytes = std::uint64_t{768} << 10;

    SourceDevice(const Line& line, std::function<bool()> synced, std::function<std::uint64_t()> received);

private:
    Worker worker_;
};

/// Takes and checks what it gets.
class SinkDevice {
public:
    explicit SinkDevice(const Line& line);
    const StreamCheck& check() const noexcept { return check_; }

private:
    StreamCheck check_;
    Worker worker_;
};

/// Many devices that each send 115 bytes every 10 ms, which is 115200 baud. The ports are spread over the 10 ms.
class TrickleDevices {
public:
    static constexpr std::size_t burst_bytes = 115;

    explicit TrickleDevices(const std::vector<Line>& lines);
    /// Bytes that a port had to send so far; the driver takes no more when the bridge does not keep up.
    std::uint64_t offered_per_port() const noexcept { return offered_.load(std::memory_order_relaxed); }
    /// Stops sending; what is offered by then is final.
    void stop() { stopped_.store(true); }
    /// The driver's buffer was full, so the bridge is too late by some 10 ms.
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
    /// Goes over from the zeroes for synchronisation to the pattern.
    void start_pattern() { pattern_.store(true); }

private:
    void run(const std::vector<Line>& lines, const std::atomic<bool>& stop);

    std::atomic<std::uint64_t> offered_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<bool> stopped_{false};
    std::atomic<bool> pattern_{false};
    Worker worker_;
};

}  // namespace vserd::bench
