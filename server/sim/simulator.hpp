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

/// Runs every simulated device of the process on one thread, which starts with the first device and ends with the
/// process: a thousand quiet devices cost no processor time, and busy ones share the wake-ups.
///
/// Any thread. Devices are shared: by their line, by this table while they are open, and by their id for as long as the
/// process runs.
class Simulator {
public:
    static Simulator& instance();
    ~Simulator();
    Simulator(const Simulator&) = delete;
    Simulator& operator=(const Simulator&) = delete;

    /// The device of that id, made at its first mention; without an id a new one.
    Result<std::shared_ptr<SimDevice>> device_for(const SimSpec& spec);
    /// The device of that id, null before its first open.
    std::shared_ptr<SimDevice> find(std::string_view id);

    Result<void> attach(std::shared_ptr<SimDevice> device);  ///< serve it from now on; it is connected
    void detach(const SimDevice& device);                    ///< before it disconnects
    void poke(const SimDevice& device);                      ///< something about it changed: serve it soon

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

    std::mutex mutex_;  // protects all that follows, but for the three descriptors once the thread runs
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
