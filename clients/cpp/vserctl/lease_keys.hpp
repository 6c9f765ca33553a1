#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "vser_client/console.hpp"

namespace vserctl {

/// The keys `t` and `r` of `attach`: acquire the port for this console, or take it over from another client, and release it.
class LeaseKeys {
public:
    /// `owns`: the console was opened with exclusive access. `again` is how to type `t`.
    LeaseKeys(vser::client::Console& console, bool owns, std::string again,
              std::function<void(const std::string&)> answer)
        : console_(console), answer_(std::move(answer)), again_(std::move(again)), owns_(owns) {}

    /// If another client holds the port, the second press takes it over.
    void acquire();
    void release();
    /// The console has connected again. A lease of `t` has ended with the connection; `exclusive`: it has one from the beginning.
    void reconnected(bool exclusive);
    /// The console has received this event.
    void note(const vser::client::Event& event);
    /// Whether this console holds the port. Then the server rejects calls outside the console.
    bool owns() const noexcept { return owns_; }

private:
    using Clock = std::chrono::steady_clock;

    vser::client::Console& console_;
    const std::function<void(const std::string&)> answer_;
    const std::string again_;
    bool owns_;
    Clock::time_point rejected_at_{};  ///< another client holds the port, and the user was asked to press again
};

}  // namespace vserctl
