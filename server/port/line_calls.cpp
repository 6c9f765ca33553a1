#include "port/line_calls.hpp"

#include <fmt/core.h>

#include <cassert>

namespace vserd::port {

void LineCalls::open(SharedLine line) {
    assert(state_ == State::closed);
    line_ = std::move(line);
    state_ = State::idle;
}

void LineCalls::start_next() {
    if (state_ != State::idle || calls_.empty()) return;
    state_ = State::running;
    running_ = std::move(calls_.front());
    calls_.pop_front();
    hooks_.calling();
    workers_.run({
        .work = [line = line_, work = running_->work] { work(*line); },
        .done = life_.guarded([this] { returned(); }),
        .overdue = life_.guarded([this] { overdue(); }),
        .refused = life_.guarded([this](const Error& error) { refused(error); }),
        .limit = driver_limit,
    });
}

void LineCalls::returned() {
    if (state_ == State::ending) return start_close();
    state_ = State::idle;
    if (auto call = std::exchange(running_, std::nullopt)) call->done();
    start_next();
}

void LineCalls::overdue() {
    const std::string hangs = fmt::format("the driver of {} has not answered for 5 s", device_);
    if (auto call = std::exchange(running_, std::nullopt)) call->abandon({Failure::timed_out, 0, "", hangs});
    hooks_.hung(hangs);
}

/// No worker was free. The device may work, so the port stays online.
void LineCalls::refused(const Error& error) {
    if (state_ == State::ending) return start_close();
    state_ = State::idle;
    abandon(error);
}

void LineCalls::abandon(const Error& error) {
    auto calls = std::exchange(calls_, {});
    if (running_) calls.push_front(*std::exchange(running_, std::nullopt));
    for (const Call& call : calls) call.abandon(error);
}

void LineCalls::close() {
    if (state_ == State::idle) return start_close();
    if (state_ == State::running) state_ = State::ending;
}

/// On a worker, because closing a tty waits for its output.
void LineCalls::start_close() {
    state_ = State::closing;
    hooks_.closing(line_->fd());
    const auto line = std::make_shared<SharedLine>(std::exchange(line_, nullptr));
    workers_.run({
        .work = [line] { line->reset(); },
        .done = life_.guarded([this] {
            state_ = State::closed;
            hooks_.closed();
        }),
        .overdue = life_.guarded([this] { hooks_.close_overdue(); }),
        .refused = life_.guarded([this, line](const Error& error) {
            line_ = std::move(*line);
            state_ = State::idle;
            hooks_.close_refused(error);
        }),
        .limit = driver_limit,
    });
}

}  // namespace vserd::port
