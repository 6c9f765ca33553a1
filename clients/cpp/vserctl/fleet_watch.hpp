#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "vser_client/fleet.hpp"
#include "vserctl/bridge_targets.hpp"
#include "vserctl/options.hpp"

namespace vserctl {

/// `watch` of all bridges, or of the owners of the ports: each bridge in a thread, their lines as they come. Looks every 2 s which
/// bridges there are and who owns the ports. A bridge that does not answer is reported once, and tried again.
class FleetWatch {
public:
    /// `command` outlives it.
    FleetWatch(vser::client::Fleet fleet, const WatchCommand& command, bool json);
    ~FleetWatch();
    FleetWatch(const FleetWatch&) = delete;
    FleetWatch& operator=(const FleetWatch&) = delete;

    /// Returns the exit code, or throws OutputFailed. Otherwise it ends with the process.
    int run();

private:
    struct Source;

    void change_to(const std::vector<BridgeTarget>& targets);
    void start(const BridgeTarget& target);
    void stop(const std::vector<std::unique_ptr<Source>>& sources);
    void watch(Source& source);
    std::optional<vser::client::Error> follow(Source& source);
    void show(const Source& source, const vser::client::PortEvent& event);

    const vser::client::Fleet fleet_;
    const WatchCommand& command_;
    const bool json_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<int> output_error_;  ///< guarded by mutex_; an errno
    bool reported_many_ = false;
    std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace vserctl
