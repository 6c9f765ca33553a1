#pragma once

#include <chrono>
#include <memory>

namespace vserd::port {

/// When a request that waits is given up. Copies are of one deadline; whoever made the request takes it back by letting
/// the deadline pass, which a request that has begun does not notice.
class Deadline {
public:
    using Clock = std::chrono::steady_clock;

    Deadline(Clock::time_point at)
        : at_(std::make_shared<Clock::time_point>(at)) {}  // NOLINT(google-explicit-constructor)

    void let_pass() const noexcept { *at_ = Clock::time_point::min(); }
    bool passed(Clock::time_point now) const noexcept { return *at_ <= now; }

private:
    std::shared_ptr<Clock::time_point> at_;
};

}  // namespace vserd::port
