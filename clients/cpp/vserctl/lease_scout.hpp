#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "vser_client/cancellation.hpp"
#include "vserctl/lease_race.hpp"

namespace vserctl {

/// Looks every 2 s which ports would do, for a client that waits for one: labels are added, devices are plugged in, and bridges
/// join the fleet. In a thread, because a server may not answer.
class LeaseScout {
public:
    /// Throws std::system_error.
    explicit LeaseScout(LookForPorts look);
    ~LeaseScout();
    LeaseScout(const LeaseScout&) = delete;
    LeaseScout& operator=(const LeaseScout&) = delete;

    /// Readable when there is something to take.
    int ready_fd() const noexcept { return ready_fd_; }
    /// The ports of the last look, once.
    std::vector<LeaseCandidate> take();

private:
    void look_repeatedly();
    bool wait();

    const LookForPorts look_;
    const int ready_fd_;  // eventfd
    vser::client::Cancellation looking_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;                ///< guarded by mutex_
    std::vector<LeaseCandidate> present_;  ///< guarded by mutex_
    std::thread thread_;
};

}  // namespace vserctl
