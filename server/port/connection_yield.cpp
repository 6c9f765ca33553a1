// Gives the device to another program, and takes it back.
#include <utility>

#include "port/connection.hpp"

namespace vserd::port {

void Connection::yield(std::string reason, std::function<void(Result<void>)> reply) {
    if (!stuck_.empty()) return reply(Error{Failure::timed_out, 0, "", stuck_});
    yield_ = Yield{std::move(reason), std::move(reply)};
    if (state_ == State::closed) reopen_timer_.cancel();  // otherwise it retries the close
    if (state_ == State::online) return lose(yield_->reason);
    port_.offline_reason = yield_->reason;
    port_.listener.on_event(WentOffline{port_.offline_reason});
    if (state_ == State::closed) finish_yield({});  // otherwise when the call that is running has returned
}

/// Nobody knows when the call returns, so nobody waits for it.
void Connection::call_hangs(const std::string& reason) {
    stuck_ = reason;
    if (yield_) finish_yield(Error{Failure::timed_out, 0, "", reason});
}

/// The device is closed, or the driver does not return from closing it: then the port stays ours.
void Connection::finish_yield(Result<void> result) {
    const auto reply = std::exchange(yield_->reply, nullptr);
    if (result) {
        state_ = State::yielded;
    } else {
        yield_.reset();
    }
    if (reply) reply(std::move(result));
}

void Connection::take_back() {
    if (!yield_) return;
    yield_.reset();
    backoff_ = backoff_min;
    open_failure_ = port_.offline_reason;  // so that another reason, such as a device that is in use, is reported
    if (state_ != State::yielded) return;  // the device is reopened when it has been closed
    state_ = State::closed;
    try_open();
}

}  // namespace vserd::port
