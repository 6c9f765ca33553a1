#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub/channel.hpp"
#include "hub/delivery_histogram.hpp"
#include "port/device_watch.hpp"
#include "port/worker_pool.hpp"

namespace vserd::hub {

/// Told of changes of any port (WatchPorts, health). Io thread; may add or remove watchers inside a call.
class PortWatcher {
public:
    virtual ~PortWatcher() = default;
    virtual void on_port_added(Channel& channel) = 0;
    virtual void on_port_event(Channel& channel, const EventItem& event) = 0;
    virtual void on_port_removed(Channel& channel) = 0;  ///< still valid during the call
};

struct HubConfig {
    std::vector<port::PortConfig> ports;
    ChannelLimits limits;

    friend bool operator==(const HubConfig&, const HubConfig&) = default;
};

using StatsList = std::vector<std::shared_ptr<const port::PortStats>>;

/// All channels by name. Io thread only, but for stats().
class Hub {
public:
    /// `keeper` outlives the hub; null: nothing is kept over the end of the process.
    explicit Hub(io::Loop& loop, Keeper* keeper = nullptr);
    ~Hub();  ///< requires: shut_down() called back, or apply() never ran
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    /// Makes the ports be as `config` says: starts new ones, stops missing ones, replaces changed ones (their readers
    /// are closed), and does not touch those that did not change.
    void apply(const HubConfig& config);

    Channel* find(std::string_view name) noexcept;
    /// Failure::not_found with the closest name in the message; invalid_argument (subject "port") for an empty name.
    Result<Channel*> require(std::string_view name);
    const std::map<std::string, std::unique_ptr<Channel>, std::less<>>& channels() const noexcept { return channels_; }

    void add_watcher(PortWatcher& watcher);
    void remove_watcher(PortWatcher& watcher) noexcept;

    /// Refuses writes, waits until what was accepted has been written or `drain_limit` passed, then calls `done`. The ports
    /// go on receiving.
    void drain(std::chrono::milliseconds drain_limit, std::function<void()> done);
    /// Drains, closes everything, then calls `done`.
    void shut_down(std::chrono::milliseconds drain_limit, std::function<void()> done);
    bool shutting_down() const noexcept { return shutting_down_; }

    std::shared_ptr<const StatsList> stats() const;  // any thread
    DeliveryHistogram& delivery() noexcept { return delivery_; }
    io::Loop& loop() noexcept { return loop_; }

private:
    void remove(const std::string& name);
    void each_watcher(const std::function<void(PortWatcher&)>& call);
    void publish_stats();
    void wait_for_drain(std::chrono::steady_clock::time_point deadline);
    void close_all();
    void finish_shutdown();

    io::Loop& loop_;
    Keeper* const keeper_;
    port::WorkerPool workers_;
    port::DeviceWatch device_watch_;
    DeliveryHistogram delivery_;
    std::map<std::string, std::unique_ptr<Channel>, std::less<>> channels_;
    std::vector<std::unique_ptr<Channel>> leaving_;  ///< stopped, waiting for their devices to close
    std::vector<PortWatcher*> watchers_;
    ChannelLimits limits_;
    std::atomic<std::shared_ptr<const StatsList>> stats_;
    std::unique_ptr<boost::asio::steady_timer> drain_timer_;
    std::function<void()> drain_done_;
    std::function<void()> shutdown_done_;
    bool shutting_down_ = false;
};

}  // namespace vserd::hub
