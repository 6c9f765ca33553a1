#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "vser_client/client.hpp"

namespace vserctl {

/// Renews a lease until it is released or lost. Watches the port too, so that a takeover is noticed at once.
class LeaseKeeper {
public:
    /// `lost` is called once, on a thread of this object, if the lease has ended. The argument is a sentence that says why.
    LeaseKeeper(vser::client::Client client, vser::client::Lease lease, std::chrono::milliseconds ttl,
                std::function<void(const std::string& why)> lost);
    ~LeaseKeeper();
    LeaseKeeper(const LeaseKeeper&) = delete;
    LeaseKeeper& operator=(const LeaseKeeper&) = delete;

    /// Stops renewing, and ends the lease unless it is lost.
    void release();

private:
    using Clock = std::chrono::steady_clock;

    void renew_repeatedly();
    /// Why the lease has ended; nothing if it has not.
    std::optional<std::string> renew();
    void watch();
    void stop();

    const vser::client::Client client_;
    const vser::client::Lease lease_;
    const std::chrono::milliseconds ttl_;
    const std::function<void(const std::string& why)> lost_;
    Clock::time_point valid_until_;  ///< renewing thread only; by our clock
    bool answered_ = true;           ///< the server answered the last renewal
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;  ///< guarded by mutex_, as those below
    bool ended_ = false;
    bool look_now_ = false;                                 ///< something happened to the lease of the port
    vser::client::Stream<vser::client::PortEvent> events_;  ///< replaced by the watching thread, under mutex_
    std::thread watcher_;
    std::thread renewer_;
};

}  // namespace vserctl
