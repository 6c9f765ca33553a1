#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

namespace vserd::fleet {

using Clock = std::chrono::steady_clock;
template <class T = void>
using Awaitable = boost::asio::awaitable<T>;

/// Wakes the one coroutine that waits for it. Fleet thread.
class Signal {
public:
    explicit Signal(boost::asio::io_context& context) : timer_(context) {}

    /// If nobody waits, the next wait() returns at once.
    void notify() {
        raised_ = true;
        timer_.cancel();
    }

    /// Returns when it was notified, or at that time.
    Awaitable<void> wait_until(Clock::time_point time) {
        if (!raised_) {
            timer_.expires_at(time);
            boost::system::error_code ignored;
            co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
        }
        raised_ = false;
    }
    Awaitable<void> wait_for(Clock::duration limit) { return wait_until(Clock::now() + limit); }

private:
    boost::asio::steady_timer timer_;
    bool raised_ = false;
};

}  // namespace vserd::fleet
