#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

#include "io/pty.hpp"
#include "soak/port.hpp"

namespace vserd::soak {

/// The device of a port: a pty that sends in bursts as long as readers follow, takes what comes, and can be pulled.
class PtyDevice {
public:
    PtyDevice(Port& port, std::uint64_t seed);
    ~PtyDevice();
    PtyDevice(const PtyDevice&) = delete;
    PtyDevice& operator=(const PtyDevice&) = delete;

    /// A new pty at the port's path, which goes on in both directions from where the port stands.
    void plug();
    /// Takes it away: first its name, for the number of the pty is given to another soon.
    void unplug();
    bool plugged() const { return plugged_; }
    /// After unplug: the daemon got only so many of the bytes that were sent.
    void rewind(std::uint64_t offset);

    /// Once it returns, nothing more is sent.
    void set_quiet(bool quiet);
    std::uint64_t sent() const { return sent_; }
    /// Whether the daemon has let go of the device and all that it wrote has arrived.
    bool released() const { return released_; }

private:
    void run();
    void send();
    void receive();

    Port& port_;
    std::mt19937_64 random_;
    std::mutex mutex_;
    std::optional<io::Pty> pty_;  ///< guarded by mutex_
    std::atomic<std::uint64_t> sent_ = 0;
    std::atomic<bool> plugged_ = false;
    bool quiet_ = false;  ///< guarded by mutex_
    std::atomic<bool> released_ = false;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace vserd::soak
