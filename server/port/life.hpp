#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "io/loop.hpp"

namespace vserd::port {

/// Wraps callbacks for timers and workers: they do nothing after the port is destroyed, and keep it alive while they run.
class Life {
public:
    void bind(std::weak_ptr<void> port) { port_ = std::move(port); }

    template <class Call>
    auto guarded(Call call) const {
        return [port = port_, call = std::move(call)](auto&&... arguments) {
            if (const auto alive = port.lock()) call(std::forward<decltype(arguments)>(arguments)...);
        };
    }

private:
    std::weak_ptr<void> port_;
};

/// One timer of a port. After cancel() or a restart the earlier call never runs, even if the timer had already expired.
class Timer {
public:
    using Clock = std::chrono::steady_clock;

    Timer(io::Loop& loop, const Life& life) : timer_(loop.context()), life_(life) {}

    template <class Call>
    void at(Clock::time_point when, Call call) {
        timer_.expires_at(when);
        timer_.async_wait(life_.guarded(
            [this, number = ++number_, call = std::move(call)](const boost::system::error_code& /*canceled*/) {
                if (number == number_) call();
            }));
    }
    template <class Call>
    void after(Clock::duration delay, Call call) {
        at(Clock::now() + delay, std::move(call));
    }
    void cancel() {
        ++number_;
        timer_.cancel();
    }

private:
    boost::asio::steady_timer timer_;
    const Life& life_;
    std::uint64_t number_ = 0;  ///< of the latest call
};

}  // namespace vserd::port
