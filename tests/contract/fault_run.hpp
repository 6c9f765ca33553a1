#pragma once

#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "contract/fault_device.hpp"
#include "hub/hub.hpp"
#include "support/faulty_engine.hpp"

namespace vserd {

/// One port with its log, readers and writers on a FaultyEngine, and a script that the seed makes up: bytes both ways, readers that
/// come, stop and go, changes of settings, flushes, unplugging. Then the faults end, and every byte is accounted for; or the hub is
/// shut down in the middle of it all. Failures are GoogleTest's and carry the seed.
///
/// The seed fixes the script and the dice of the engine; when worker threads and the kernel's timers answer is theirs.
class FaultRun {
public:
    FaultRun(std::uint64_t seed, const std::filesystem::path& directory);
    ~FaultRun();
    FaultRun(const FaultRun&) = delete;
    FaultRun& operator=(const FaultRun&) = delete;

    /// Goes on a little. False once it is over, and everything was checked.
    bool turn();
    /// Whether the last turn did anything but wait.
    bool busy() const noexcept { return busy_; }

private:
    class CheckedReader;
    struct Write;
    /// From the bytes accepted before it on, what had not begun to be written is dropped.
    struct Flush {
        std::size_t accepted = 0;
        std::size_t writes_started = 0;
        std::optional<std::uint64_t> dropped;  ///< as the reply had it
    };
    enum class Phase { playing, settling, stopping, over };

    std::uint64_t dice(std::uint64_t sides) { return random_() % sides; }
    std::string some_bytes(std::size_t size_max);
    void play();
    bool is_online() const;
    void submit_write();
    void withdraw_write();
    void add_reader();
    void touch_reader();
    void change_settings();
    void send_break();
    void flush();
    void settle();
    bool settled() const;
    void stop();
    void check_accepted() const;
    void check_written(bool all) const;
    void check_end();

    const std::uint64_t seed_;
    std::mt19937_64 random_;
    FaultyEngine* engine_;  ///< the loop's
    Faults faults_;
    std::unique_ptr<io::Loop> loop_;
    std::unique_ptr<hub::Hub> hub_;
    hub::Channel* channel_;
    std::unique_ptr<hub::Writer> writer_;
    FaultDevice device_;  ///< not plugged where the port is simulated
    bool simulated_ = false;

    Phase phase_ = Phase::playing;
    bool settles_;
    bool busy_ = false;
    bool hub_down_ = false;
    unsigned actions_left_;
    std::chrono::steady_clock::time_point deadline_;
    std::list<CheckedReader> readers_;
    std::list<Write> writes_;
    std::list<Flush> flushes_;
    unsigned replies_due_ = 0;
};

}  // namespace vserd
