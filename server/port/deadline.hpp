#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace vserd::port {

/// The time when a waiting request fails. Copies share one deadline. The requester withdraws a request with cancel(), which
/// has no effect once the request has begun. Io thread only.
class Deadline {
public:
    using Clock = std::chrono::steady_clock;

    Deadline(Clock::time_point at)  // NOLINT(google-explicit-constructor)
        : shared_(std::make_shared<Shared>(Shared{at, nullptr})) {}

    Clock::time_point at() const noexcept { return shared_->at; }
    bool passed(Clock::time_point now) const noexcept { return shared_->at <= now; }
    /// Makes the deadline pass now. The request is answered later, not from within this call.
    void cancel() const {
        shared_->at = Clock::now();
        if (shared_->canceled) shared_->canceled();
    }
    /// cancel() calls this, to wake up code that waits until at().
    void when_canceled(std::function<void()> canceled) const { shared_->canceled = std::move(canceled); }

private:
    struct Shared {
        Clock::time_point at;
        std::function<void()> canceled;
    };

    std::shared_ptr<Shared> shared_;
};

}  // namespace vserd::port
