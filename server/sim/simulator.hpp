#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sim/sim_device.hpp"

namespace vserd::sim {

/// Runs every simulated device of the process on one thread. The thread starts with the first device and ends with the
/// process. A thousand idle devices use no processor time, and busy devices share wake-ups.
///
/// Any thread. A device is owned by its line, by this table while it is open, and, if it has an id, by the table of ids as
/// long as the process runs.
class Simulator {
public:
    static Simulator& instance();
    ~Simulator();
    Simulator(const Simulator&) = delete;
    Simulator& operator=(const Simulator&) = delete;

    /// The device of that id, created at the first call; without an id, a new device.
    Result<std::shared_ptr<SimDevice>> device_for(const SimSpec& spec);
    /// The device of that id; null before its first open.
    std::shared_ptr<SimDevice> find(std::string_view id);

    Result<void> attach(std::shared_ptr<SimDevice> device);  ///< serve it from now on; it must be connected
    void detach(const SimDevice& device);                    ///< call before it disconnects
    void poke(const SimDevice& device);                      ///< its state has changed: serve it soon

private:
    struct Entry {
        std::shared_ptr<SimDevice> device;
        int fd = -1;
        std::optional<SimTime> deadline;
        bool watches_writable = false;
    };
    struct Turn {
        std::shared_ptr<SimDevice> device;
        bool readable = false;
        SimDevice::Next next;
    };
    using Turns = std::map<std::uint64_t, Turn>;

    Simulator() = default;
    Result<void> start();
    void run();
    bool wait(Turns& turns);
    void add_due(Turns& turns);
    void plan(const Turns& turns);
    void reschedule(std::uint64_t number, Entry& entry, std::optional<SimTime> deadline);
    void arm_timer();
    void wake() const;

    std::mutex mutex_;  // guards all members below, except the three descriptors while the thread runs
    std::map<std::uint64_t, Entry> entries_;
    std::map<std::string, std::shared_ptr<SimDevice>, std::less<>> named_;
    std::set<std::pair<SimTime, std::uint64_t>> deadlines_;
    std::vector<std::uint64_t> poked_;
    std::uint64_t last_number_ = 0;
    bool stopping_ = false;
    base::Fd epoll_;
    base::Fd timer_;
    base::Fd wake_;
    std::thread thread_;
};

}  // namespace vserd::sim
